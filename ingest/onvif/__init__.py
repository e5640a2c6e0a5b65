"""ONVIF cameras: found, described, listened to and turned, with small SOAP requests of our own."""

from ingest.onvif.describe import Description, Profile, describe
from ingest.onvif.device import Device, Preset
from ingest.onvif.discovery import Discovered, Discovery, discover
from ingest.onvif.event_link import EventLink, EventLinkConfig, EventLinkStats
from ingest.onvif.topics import CameraSaid

__all__ = [
    "CameraSaid",
    "Description",
    "Device",
    "Discovered",
    "Discovery",
    "EventLink",
    "EventLinkConfig",
    "EventLinkStats",
    "Preset",
    "Profile",
    "describe",
    "discover",
]
