# By the id that the console and the API show.
terraform import dli_enhanced_connection.mrs 2a620c33-5609-40c9-affd-2b6453071b0f
