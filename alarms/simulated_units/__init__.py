"""Alarm units that speak the real scheme over real MQTT, for demos and tests."""
