# `cmake --install`: the program, the libraries with their headers, and a package file, so that another
# project can say find_package(ernie) and link ernie::engine.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(ERNIE_INSTALLED_LIBRARIES
  ernie_base ernie_json ernie_checkpoint ernie_text ernie_backend_interface ernie_backend_reference
  ernie_backend_cpu ernie_backend ernie_model ernie_kv ernie_engine)
foreach(library IN LISTS ERNIE_INSTALLED_LIBRARIES)
  string(REGEX REPLACE "^ernie_" "" exported ${library})
  set_target_properties(${library} PROPERTIES EXPORT_NAME ${exported})
endforeach()

install(TARGETS ${ERNIE_INSTALLED_LIBRARIES} EXPORT ernie_targets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS ernie RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY src/base src/json src/checkpoint src/text src/backend src/model src/kv src/engine
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ernie FILES_MATCHING PATTERN "*.h")
install(EXPORT ernie_targets NAMESPACE ernie:: FILE ernieTargets.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/ernie)

write_basic_package_version_file(${PROJECT_BINARY_DIR}/ernieConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES cmake/ernieConfig.cmake ${PROJECT_BINARY_DIR}/ernieConfigVersion.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/ernie)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

# Manual pages and shell completion come out of the program that was built. Made when they are
# installed, so that a build of the program alone can be.
if(CMAKE_CROSSCOMPILING)
  message(STATUS "No manual pages and shell completion are installed: the program does not run here")
else()
  set(pages ${PROJECT_BINARY_DIR}/pages)
  install(CODE "
    set(program \"$<TARGET_FILE:ernie>\")
    file(REMOVE_RECURSE \"${pages}\")
    file(MAKE_DIRECTORY \"${pages}\")
    execute_process(COMMAND \"\${program}\" man --output-dir \"${pages}/man1\" COMMAND_ERROR_IS_FATAL ANY)
    foreach(script IN ITEMS bash/ernie zsh/_ernie fish/ernie.fish)
      get_filename_component(shell \"\${script}\" DIRECTORY)
      file(MAKE_DIRECTORY \"${pages}/\${shell}\")
      execute_process(COMMAND \"\${program}\" completion \"\${shell}\"
        OUTPUT_FILE \"${pages}/\${script}\" COMMAND_ERROR_IS_FATAL ANY)
    endforeach()")
  install(DIRECTORY ${pages}/man1 DESTINATION ${CMAKE_INSTALL_MANDIR})
  install(FILES ${pages}/bash/ernie DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${pages}/zsh/_ernie DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
  install(FILES ${pages}/fish/ernie.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()
