PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE alerts (
    orig_h TEXT NOT NULL, resp TEXT NOT NULL, resp_p INTEGER NOT NULL, proto TEXT NOT NULL,
    sent INTEGER NOT NULL, confirmed INTEGER NOT NULL DEFAULT 0,  -- levels
    verdict TEXT NOT NULL,  -- the newest of the level sent
    touched INTEGER NOT NULL,
    PRIMARY KEY (orig_h, resp, resp_p, proto)
);
INSERT INTO "alerts" VALUES('10.0.0.5','203.0.113.9',443,'tcp',4,0,'{"v": 1, "sidecar": "me", "node": "zeek", "boot": "b1", "seq": 5, "uid": "C5", "orig_h": "10.0.0.5", "orig_p": 40000, "resp_h": "203.0.113.9", "resp_p": 443, "proto": "tcp", "resp": "203.0.113.9", "service": "ssl", "conns": 20, "label": "beacon", "score": 0.94, "sleep": 60.04631423950195, "jitter": 0.10590723156929016, "observations": 20, "needed": 8, "severity": "critical", "level": 4, "suppressed": "", "reasons": [{"code": "one_interval", "text": "100 % of the waits lie within 20 % of one interval", "value": 1.0, "contribution": 0.26}, {"code": "steady", "text": "waits stray only 3 % from their median", "value": 0.02527344413101673, "contribution": 0.16}, {"code": "not_chance", "text": "waits fit a timer better than chance by 3.0 nats each", "value": 3.0144500732421875, "contribution": 0.14}, {"code": "regular_windows", "text": "the most regular stretch is 97 % regular", "value": 0.9747265577316284, "contribution": 0.1}], "model": "rules", "summary": "10.0.0.5 checks in with 203.0.113.9:443/tcp every 60 s (jitter 11 %, shortened), 20 times over 18.1 min, 100 % the same size; score 0.94; looks like an implant with sleep 60 s / 10 %, as Cobalt Strike would wait"}',555555);
CREATE TABLE pairs (
    orig_h TEXT NOT NULL, resp TEXT NOT NULL, resp_p INTEGER NOT NULL, proto TEXT NOT NULL,
    addr TEXT NOT NULL, service TEXT NOT NULL, server_name TEXT NOT NULL,
    conns INTEGER NOT NULL, named INTEGER NOT NULL, first_ts REAL NOT NULL, resp_hosts REAL, site_hosts REAL,
    observations BLOB NOT NULL,
    touched INTEGER NOT NULL  -- hours since the epoch
);
INSERT INTO "pairs" VALUES('10.0.0.5','203.0.113.9',443,'tcp','203.0.113.9','ssl','',20,0,1.76722565516998195642e+09,1.0,20.0,X'0128B52FFD6494011D0400F404BE136A4948470600E48E4903000000000E5964885C7900978ECA6D706A216EDC618F3E10CF0C381ACD57AA0E7EEBB46B83563AAE5741563C46049A6FC66366189355EFF58D90D00300C072400092031800B8442C803A0BA0008C400B3280086803C80037401B4006B801DA0032C00DD00610030C0637401B4006B801DA38A18401D97E2907',555555);
CREATE TABLE progress (
    node TEXT NOT NULL, boot TEXT NOT NULL, seq INTEGER NOT NULL, touched INTEGER NOT NULL,
    PRIMARY KEY (node, boot)
);
INSERT INTO "progress" VALUES('zeek','b1',5,555555);
CREATE TABLE site (
    orig_h TEXT NOT NULL, resp TEXT NOT NULL, resp_p INTEGER NOT NULL, proto TEXT NOT NULL,
    model TEXT NOT NULL, score REAL NOT NULL,
    budget REAL NOT NULL, threshold REAL,  -- in force when the pair first alerted under this budget
    touched INTEGER NOT NULL,
    PRIMARY KEY (orig_h, resp, resp_p, proto)
);
INSERT INTO "site" VALUES('10.0.0.5','203.0.113.9',443,'tcp','rules',0.94,1.5,0.5,2000000000);
CREATE TABLE watched (
    hour INTEGER NOT NULL, model TEXT NOT NULL, seconds REAL NOT NULL,
    PRIMARY KEY (hour, model)
);
INSERT INTO "watched" VALUES(555555,'rules',0.0);
CREATE UNIQUE INDEX pairs_key ON pairs (orig_h, resp, resp_p, proto);
CREATE INDEX pairs_touched ON pairs (touched);
COMMIT;
