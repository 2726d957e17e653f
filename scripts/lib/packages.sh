# What Debian provides, by what needs it. Sourced, never run.

PACKAGES_BUILD="build-essential cmake ninja-build pkg-config dpkg-dev git ca-certificates
 libcfitsio-dev wcslib-dev libdnnl-dev libopenblas-dev liblinear-dev libsqlite3-dev libzstd-dev zlib1g-dev
 libturbojpeg0-dev libpng-dev libmicrohttpd-dev libcjson-dev libsodium-dev libxml2-dev"
PACKAGES_PAGE="nodejs npm"
PACKAGES_TEST="libcmocka-dev python3 python3-numpy python3-torch python3-astropy python3-sklearn
 chromium clang clang-format clang-tidy cppcheck shellcheck"
PACKAGES_BENCH="python3 python3-numpy python3-torch python3-astropy python3-zstandard
 libhnswlib-dev"

installed() { [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null)" = "ii " ]; }

# missing PACKAGE...: those not there. Node.js may come from elsewhere.
missing() {
    local one
    for one in "$@"; do
        case $one in
        nodejs) command -v node >/dev/null && continue ;;
        npm) command -v npm >/dev/null && continue ;;
        esac
        installed "$one" || printf '%s ' "$one"
    done
}

# install_packages PACKAGE...: asks for nothing when all are there.
install_packages() {
    local wanted
    wanted=$(missing "$@")
    [ -n "$wanted" ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        die "packages are missing; run as root:  apt-get update && apt-get install -y --no-install-recommends $wanted"
    fi
    apt-get update -q
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install -y -q --no-install-recommends $wanted
}
