//! SMS_SERVICE_CONNECTOR: checks that the cloud's endpoints can be reached.
