# Rooms are static libraries nsky_<room>; tests are one program per file tests/<room>/test_<name>.c.

add_library(nsky_flags INTERFACE)
target_include_directories(nsky_flags INTERFACE "${CMAKE_SOURCE_DIR}")
target_compile_definitions(nsky_flags INTERFACE _GNU_SOURCE)
target_compile_options(nsky_flags INTERFACE
  -Wall -Wextra -Wshadow -Wpointer-arith -Wvla -fno-math-errno
  -UNDEBUG # asserts guard invariants in release too
  $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes>
  $<$<BOOL:${NEARSKY_WERROR}>:-Werror>)
target_link_libraries(nsky_flags INTERFACE m)
find_package(Threads REQUIRED)
target_link_libraries(nsky_flags INTERFACE Threads::Threads)
if(NEARSKY_SANITIZE)
  target_compile_options(nsky_flags INTERFACE -fsanitize=${NEARSKY_SANITIZE} -fno-omit-frame-pointer
                         -fno-sanitize-recover=all)
  target_link_options(nsky_flags INTERFACE -fsanitize=${NEARSKY_SANITIZE})
endif()

# nsky_room(<room> SOURCES <file>... [USES <room or imported target>...] [OWNS <imported target>...])
# OWNS are the third-party libraries only this room may include.
function(nsky_room room)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES;OWNS" ${ARGN})
  add_library(nsky_${room} STATIC ${ARG_SOURCES})
  target_link_libraries(nsky_${room} PUBLIC nsky_flags ${ARG_USES} PRIVATE ${ARG_OWNS})
endfunction()

# nsky_test(<room> <name>... [USES <target>...]): tests/<room>/test_<name>.c, run from the source
# root with NEARSKY_TEST_DATA pointing at the real images where they are.
function(nsky_test room)
  cmake_parse_arguments(ARG "" "" "USES" ${ARGN})
  foreach(name ${ARG_UNPARSED_ARGUMENTS})
    set(target test_${room}_${name})
    add_executable(${target} test_${name}.c)
    target_link_libraries(${target} PRIVATE nsky_${room} ${ARG_USES} deps::cmocka)
    add_test(NAME ${room}.${name} COMMAND ${target} WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
    set_tests_properties(${room}.${name} PROPERTIES LABELS "${room}" TIMEOUT 300
                         SKIP_REGULAR_EXPRESSION "NEARSKY-SKIP")
  endforeach()
endfunction()
