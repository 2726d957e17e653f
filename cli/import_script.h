/* import_script.h (private) - scripts/import-checkpoint as text; the source is made by CMake. */
#ifndef NSKY_IMPORT_SCRIPT_H
#define NSKY_IMPORT_SCRIPT_H

extern const char nsky_import_script[];

#endif
