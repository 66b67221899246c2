queue            = "pooled1"
vpc_id           = "22094d8f-c310-4621-913d-4c4d655d8495"
subnet_id        = "78f2562a-36e4-4b39-95b9-f5aab22e1281"
database_address = "192.168.0.31"
