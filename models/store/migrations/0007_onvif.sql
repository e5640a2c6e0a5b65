-- Cameras that speak ONVIF: where their device service is, and whether their own events are wanted.

ALTER TABLE camera ADD COLUMN onvif_port integer CHECK (onvif_port BETWEEN 1 AND 65535);
ALTER TABLE camera ADD COLUMN onvif_events boolean NOT NULL DEFAULT false;
