# All connections of the provider's project.
list "dli_enhanced_connection" "all" {
  provider = dli
  limit    = 1000
}

# The connections of one team, with all their attributes.
list "dli_enhanced_connection" "analytics" {
  provider         = dli
  include_resource = true

  config {
    name_prefix = "mrs_"
    tags = {
      team = "analytics"
    }
  }
}
