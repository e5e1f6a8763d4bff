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
