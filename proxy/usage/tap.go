package usage

import "bytes"

// Tap reads the tokens of one answer as its body passes. The zero value reads JSON.
type Tap struct {
	Tokens Tokens

	json   scanner
	events bool // the body is an event stream, and the texts are the data of its events
	line   lineKind
	at     uint8 // how many bytes of "data:" the line under way has had
	data   bool  // the event under way has had data
}

// lineKind is what the line under way of an event stream is.
type lineKind uint8

const (
	lineBegins lineKind = iota // so far it is as "data:" begins
	lineOfData
	lineOther
)

// ReadEvents has the body be read as an event stream.
func (t *Tap) ReadEvents() { t.events = true }

// Feed takes the next bytes of the body, without its framing.
func (t *Tap) Feed(p []byte) {
	if !t.events {
		t.json.feed(p, &t.Tokens)
		return
	}
	for len(p) > 0 {
		if t.line == lineBegins {
			p = t.beginLine(p)
			continue
		}
		n := bytes.IndexByte(p, '\n')
		if n < 0 {
			t.take(p)
			return
		}
		t.take(p[:n+1]) // lines of data are joined by line feeds
		t.line, t.at = lineBegins, 0
		p = p[n+1:]
	}
}

func (t *Tap) take(p []byte) {
	if t.line == lineOfData {
		t.json.feed(p, &t.Tokens)
	}
}

const dataField = "data:"

// beginLine compares the beginning of a line. An empty line ends the event.
func (t *Tap) beginLine(p []byte) []byte {
	for i, c := range p {
		if c == dataField[t.at] {
			if t.at++; int(t.at) == len(dataField) {
				t.line = lineOfData
				t.beginData()
				return p[i+1:]
			}
			continue
		}
		switch {
		case c == '\n':
			t.data = t.data && t.at > 0 // "data" without a colon is a field, too
			t.at = 0
		case c == '\r' && t.at == 0: // in front of LF
		default:
			t.line = lineOther
			return p[i:]
		}
	}
	return nil
}

// beginData begins the text of an event, unless this is another line of it.
func (t *Tap) beginData() {
	if !t.data {
		t.data = true
		t.json.begin()
	}
}
