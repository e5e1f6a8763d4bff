# Flags shared by every target, and one function per kind of target.

add_library(ernie_options INTERFACE)
target_compile_options(ernie_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wvla -Wnon-virtual-dtor -Woverloaded-virtual
  -Wimplicit-fallthrough
  # Fields left out of a designated initializer have the default that the struct declares.
  -Wno-missing-field-initializers
  # GCC 12 reports std::string and its own intrinsics at -O3; the sanitizers find the real cases.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized> $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
  -fstack-protector-strong
  # Results must not depend on how a compiler likes to fuse multiply and add: we fuse explicitly.
  -ffp-contract=off
  $<$<BOOL:${ERNIE_WERROR}>:-Werror>
  $<$<CONFIG:Debug>:-D_GLIBCXX_ASSERTIONS>)
if(ERNIE_SANITIZE)
  target_compile_options(ernie_options INTERFACE
    -fsanitize=${ERNIE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(ernie_options INTERFACE -fsanitize=${ERNIE_SANITIZE})
endif()

# ernie_library(<folder> SOURCES ... [DEPS ernie_x ...] [LIBS external ...]): one static library per
# folder of src/. DEPS are the only other folders it may include; scripts/check_includes.py holds
# the same table and checks the sources against it.
function(ernie_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;LIBS" ${ARGN})
  add_library(ernie_${name} STATIC ${ARG_SOURCES})
  target_include_directories(ernie_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src> $<INSTALL_INTERFACE:include/ernie>)
  target_link_libraries(ernie_${name} PUBLIC ${ARG_DEPS} PRIVATE ${ARG_LIBS} $<BUILD_INTERFACE:ernie_options>)
endfunction()

# ernie_test(<name> SOURCES ... DEPS ...): a GoogleTest program, run by CTest test by test.
function(ernie_test name)
  if(NOT ERNIE_BUILD_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} ${ARG_LIBS} GTest::gtest GTest::gtest_main ernie_options)
  target_compile_definitions(${name} PRIVATE ERNIE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST NO_PRETTY_VALUES PROPERTIES TIMEOUT 600)
endfunction()
