-- Cameras that are not RTSP: pictures over HTTP, WebRTC servers and publishers, files that are played again.
ALTER TABLE camera DROP CONSTRAINT camera_scheme_check;
ALTER TABLE camera ADD CONSTRAINT camera_scheme_check
    CHECK (scheme IN ('rtsp','rtsps','http','https','whep','wheps','whip','file'));
