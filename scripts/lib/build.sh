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

# npm_packages_here FOLDER: what its lock file names is installed.
npm_packages_here() { [ "$1/node_modules/.package-lock.json" -nt "$1/package-lock.json" ]; }

# npm_packages FOLDER: installs it. No package runs a script of its own on the way.
npm_packages() {
    npm_packages_here "$1" && return 0
    (cd "$1" && npm ci --ignore-scripts --prefer-offline --no-audit --no-fund) || return 1
    touch "$1/node_modules/.package-lock.json"
}

# why_no_page FOLDER...: prints why the npm packages of these cannot be had; nothing when they can.
why_no_page() {
    local folder
    if ! command -v npm >/dev/null; then
        echo "there is no Node.js 18 or newer with npm (apt-get install nodejs npm)"
        return
    fi
    for folder in "$@"; do
        npm_packages_here "$folder" && continue
        # As npm ci will ask; a mirror need not answer a ping.
        npm view preact name --fetch-retries=0 --fetch-timeout=20000 >/dev/null 2>&1 ||
            echo "the npm registry cannot be reached"
        return
    done
}

build_page() {
    local dist=$ROOT/web/dist/index.html
    npm_packages "$ROOT/web" || return 1
    cd "$ROOT/web" || return 1
    if [ ! -f "$dist" ] || [ -n "$(find src index.html vite.config.ts package-lock.json -newer "$dist")" ]; then
        npm run build
    fi
}
