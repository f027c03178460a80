package edge

import "encoding/json"

// Line is one line of the log, as far as tests look into it.
type Line struct {
	Level, Message, Listener, Address string
	RequestID                         string `json:"request_id"`
	Method, Path, Reason, Cause       string
	Client                            string
	Status                            int
	Bytes, Events, Aborted            int64
	Upstream                          string
	Moved                             []string // upstreams that were asked before, and why it went on
	Refused                           string   `json:"cors_refused"`

	Text   string `json:"-"` // the line as it was written
	Broken bool   `json:"-"` // it is no JSON
}

func parseLine(text string) Line {
	var l Line
	err := json.Unmarshal([]byte(text), &l)
	l.Text, l.Broken = text, err != nil
	return l
}
