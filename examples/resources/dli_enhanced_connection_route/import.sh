# By the ID of the connection and the name of the route.
terraform import dli_enhanced_connection_route.mrs 2a620c33-5609-40c9-affd-2b6453071b0f/warehouse
