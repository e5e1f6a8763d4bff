# Run at every build, as a script: writes OUTPUT from TEMPLATE with the commit of SOURCE_DIR. The
# file is touched only if its text changes, so nothing is compiled again otherwise.
#   cmake -DSOURCE_DIR= -DTEMPLATE= -DOUTPUT= -DERNIE_VERSION= -DERNIE_TYPE= -DERNIE_FLAGS= -P this
set(ERNIE_COMMIT "unknown")
find_program(git git)
if(git AND EXISTS "${SOURCE_DIR}/.git")  # a source archive inside somebody else's repository has none
  execute_process(COMMAND ${git} -C ${SOURCE_DIR} rev-parse --short=12 HEAD
    OUTPUT_VARIABLE head RESULT_VARIABLE failed OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  execute_process(COMMAND ${git} -C ${SOURCE_DIR} status --porcelain --untracked-files=no
    OUTPUT_VARIABLE changes ERROR_QUIET)
  if(NOT failed)
    set(ERNIE_COMMIT "${head}")
    if(changes)
      string(APPEND ERNIE_COMMIT "+")
    endif()
  endif()
endif()
configure_file(${TEMPLATE} ${OUTPUT} @ONLY)
