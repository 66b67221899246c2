list "dli_enhanced_connection" "all" {
  provider = dli
  limit    = 1000
}
