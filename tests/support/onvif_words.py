"""What the ONVIF device of the tests says, as makers write it."""

from datetime import datetime

SOAP = "http://www.w3.org/2003/05/soap-envelope"
JPEG = b"\xff\xd8\xff\xe0 a picture \xff\xd9"
FAULT = (
    "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>{code}</s:Value></s:Subcode></s:Code>"
    '<s:Reason><s:Text xml:lang="en">not that</s:Text></s:Reason></s:Fault>'
)
PROFILES_2 = (
    '<r:GetProfilesResponse><r:Profiles token="main" fixed="true"><r:Name>MainStream</r:Name><r:Configurations>'
    '<r:VideoEncoder token="v1" GovLength="50"><r:Name>v</r:Name><r:Encoding>H265</r:Encoding>'
    "<r:Resolution><r:Width>2560</r:Width><r:Height>1440</r:Height></r:Resolution>"
    "<r:RateControl><r:FrameRateLimit>25.0</r:FrameRateLimit></r:RateControl></r:VideoEncoder>"
    '<r:PTZ token="ptz"/></r:Configurations></r:Profiles>'
    '<r:Profiles token="sub"><r:Name>Sub</r:Name><r:Configurations>'
    '<r:VideoEncoder token="v2" GovLength="25"><r:Encoding>H264</r:Encoding>'
    "<r:Resolution><r:Width>640</r:Width><r:Height>360</r:Height></r:Resolution></r:VideoEncoder></r:Configurations>"
    "</r:Profiles></r:GetProfilesResponse>"
)
PROFILES_1 = (
    '<r:GetProfilesResponse><r:Profiles token="main"><r:Name>Main</r:Name><r:VideoEncoderConfiguration token="e1">'
    "<r:Encoding>H264</r:Encoding><r:Resolution><r:Width>1920</r:Width><r:Height>1080</r:Height></r:Resolution>"
    "<r:RateControl><r:FrameRateLimit>25</r:FrameRateLimit></r:RateControl>"
    "<r:H264><r:GovLength>50</r:GovLength></r:H264></r:VideoEncoderConfiguration></r:Profiles>"
    '<r:Profiles token="jpeg"><r:Name>J</r:Name><r:VideoEncoderConfiguration><r:Encoding>JPEG</r:Encoding>'
    "<r:Resolution><r:Width>640</r:Width><r:Height>480</r:Height></r:Resolution></r:VideoEncoderConfiguration>"
    "</r:Profiles></r:GetProfilesResponse>"
)
PRESETS = (
    '<r:GetPresetsResponse><r:Preset token="1"><r:Name>Gate</r:Name></r:Preset>'
    '<r:Preset token="2"/><r:Preset token=""/></r:GetPresetsResponse>'
)
CREATED = (
    "<r:CreatePullPointSubscriptionResponse><r:SubscriptionReference><a:Address>{base}/onvif/sub</a:Address>"
    '<a:ReferenceParameters><m:SubscriptionId xmlns:m="http://maker.example/event">{id}</m:SubscriptionId>'
    "</a:ReferenceParameters></r:SubscriptionReference><r:CurrentTime>{now}</r:CurrentTime>"
    "<r:TerminationTime>{end}</r:TerminationTime></r:CreatePullPointSubscriptionResponse>"
)

INFORMATION = (
    "<r:GetDeviceInformationResponse><r:Manufacturer>Make</r:Manufacturer><r:Model>M 1</r:Model>"
    "<r:FirmwareVersion>1.2</r:FirmwareVersion></r:GetDeviceInformationResponse>"
)


def answered(operation: str, inner: str) -> str:
    return f"<r:{operation}Response>{inner}</r:{operation}Response>"


def capabilities(base: str) -> str:
    places = "".join(
        f"<r:{name}><r:XAddr>{base}/onvif/{name}</r:XAddr></r:{name}>" for name in ("Media", "Events", "PTZ")
    )
    return answered("GetCapabilities", f"<r:Capabilities>{places}</r:Capabilities>")


def instant(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def enveloped(body: str) -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="{SOAP}" xmlns:r="urn:r" '
        f'xmlns:a="http://www.w3.org/2005/08/addressing"><s:Body>{body}</s:Body></s:Envelope>'
    )


def system_time(now: datetime) -> str:
    return (
        "<r:GetSystemDateAndTimeResponse><r:SystemDateAndTime><r:UTCDateTime>"
        f"<r:Time><r:Hour>{now.hour}</r:Hour><r:Minute>{now.minute}</r:Minute><r:Second>{now.second}</r:Second></r:Time>"
        f"<r:Date><r:Year>{now.year}</r:Year><r:Month>{now.month}</r:Month><r:Day>{now.day}</r:Day></r:Date>"
        "</r:UTCDateTime></r:SystemDateAndTime></r:GetSystemDateAndTimeResponse>"
    )


def services(base: str, *, media2: bool, ptz: bool, events: bool) -> str:
    places = {
        "http://www.onvif.org/ver10/device/wsdl": "device_service",
        "http://www.onvif.org/ver10/media/wsdl": "media",
    }
    if media2:
        places["http://www.onvif.org/ver20/media/wsdl"] = "media2"
    if events:
        places["http://www.onvif.org/ver10/events/wsdl"] = "events"
    if ptz:
        places["http://www.onvif.org/ver20/ptz/wsdl"] = "ptz"
    listed = "".join(
        f"<r:Service><r:Namespace>{space}</r:Namespace><r:XAddr>{base}/onvif/{path}</r:XAddr></r:Service>"
        for space, path in places.items()
    )
    return f"<r:GetServicesResponse>{listed}</r:GetServicesResponse>"


def notification(topic: str, data: dict[str, str], source: dict[str, str], operation: str, at: str) -> str:
    def items(values: dict[str, str]) -> str:
        return "".join(f'<t:SimpleItem Name="{name}" Value="{value}"/>' for name, value in values.items())

    return (
        '<w:NotificationMessage xmlns:w="http://docs.oasis-open.org/wsn/b-2">'
        f'<w:Topic Dialect="http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet">tns1:{topic}</w:Topic>'
        f'<w:Message><t:Message xmlns:t="http://www.onvif.org/ver10/schema" UtcTime="{at}" '
        f'PropertyOperation="{operation}"><t:Source>{items(source)}</t:Source><t:Data>{items(data)}</t:Data>'
        "</t:Message></w:Message></w:NotificationMessage>"
    )


def match(question: str, xaddrs: str, scopes: str = "onvif://www.onvif.org/name/Gate%20North onvif://x/y") -> bytes:
    return (
        f'<s:Envelope xmlns:s="{SOAP}" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" '
        'xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><s:Header>'
        f"<a:RelatesTo>{question}</a:RelatesTo></s:Header><s:Body><d:ProbeMatches><d:ProbeMatch>"
        f"<d:Types>dn:NetworkVideoTransmitter</d:Types><d:Scopes>{scopes}</d:Scopes><d:XAddrs>{xaddrs}</d:XAddrs>"
        "</d:ProbeMatch></d:ProbeMatches></s:Body></s:Envelope>"
    ).encode()
