# Every library that is not ours, found once. Versions are those of Debian 12.
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(OpenSSL 3 REQUIRED COMPONENTS Crypto)
if(ERNIE_BUILD_TESTS)
  # The library that defines the encoding: what the tokenizer is checked against.
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(sentencepiece REQUIRED IMPORTED_TARGET sentencepiece)
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()
