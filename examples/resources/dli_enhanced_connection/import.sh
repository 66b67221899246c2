# By ID, as shown in the console and by the API.
terraform import dli_enhanced_connection.mrs 2a620c33-5609-40c9-affd-2b6453071b0f

# By name, if the name is unique.
terraform import dli_enhanced_connection.mrs name:mrs_production

# From another region and project than the provider's. This also works with a name, and with @REGION alone.
terraform import dli_enhanced_connection.mrs 2a620c33-5609-40c9-affd-2b6453071b0f@eu-west-101/0123456789abcdef0123456789abcdef
