# By the ID that the console and the API show.
terraform import dli_enhanced_connection.mrs 2a620c33-5609-40c9-affd-2b6453071b0f

# By its name, where only one connection has it.
terraform import dli_enhanced_connection.mrs name:mrs_production

# From a region and a project other than those of the provider; also with a name, and @REGION alone.
terraform import dli_enhanced_connection.mrs 2a620c33-5609-40c9-affd-2b6453071b0f@eu-west-101/0123456789abcdef0123456789abcdef
