# Building the program and the page. Sourced, never run.

# configure_into FOLDER CMAKE-OPTION...: once.
configure_into() {
    local folder=$1
    shift
    [ -f "$folder/build.ninja" ] || cmake -S "$ROOT" -B "$folder" -G Ninja "$@"
}

# build_into FOLDER CMAKE-OPTION...
build_into() {
    configure_into "$@" || return 1
    cmake --build "$1" -j "$JOBS"
}

# The page needs Node.js 18 or newer; without it the server says so in its place.
build_page() {
    if ! command -v npm >/dev/null; then
        echo "no Node.js: the page is left out; apt-get install nodejs npm, then run this again"
        return 0
    fi
    (
        cd "$ROOT/web" || exit 1
        if [ ! -f node_modules/.package-lock.json ] ||
            [ package-lock.json -nt node_modules/.package-lock.json ]; then
            npm ci --ignore-scripts --prefer-offline --no-audit --no-fund || exit 1
            touch node_modules/.package-lock.json
        fi
        if [ ! -f dist/index.html ] || [ -n "$(find src index.html vite.config.ts -newer dist/index.html)" ]; then
            npm run build
        fi
    )
}

# The packages of the page are here, or their registry answers; without Node.js build_page says so.
page_can_be_built() {
    [ -f "$ROOT/web/node_modules/.package-lock.json" ] || ! command -v npm >/dev/null ||
        npm ping --fetch-retries=0 >/dev/null 2>&1
}
