# nsky_embed_text(<file> <symbol> <header> <out variable>): a C source that defines `symbol`, the
# file's text with a NUL behind it; made again whenever the file changes.
function(nsky_embed_text file symbol header out)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
  file(READ "${file}" bytes HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
  string(REGEX REPLACE "(................................................................................)"
         "\\1\n" bytes "${bytes}")
  set(source "${CMAKE_CURRENT_BINARY_DIR}/${symbol}.c")
  file(CONFIGURE OUTPUT "${source}" @ONLY CONTENT
       "#include \"@header@\"\nconst char @symbol@[] = {\n@bytes@0};\n")
  set(${out} "${source}" PARENT_SCOPE)
endfunction()
