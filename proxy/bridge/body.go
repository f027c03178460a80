package bridge

import (
	"bytes"
	"unicode/utf8"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

// Rest says what is to come of a body.
type Rest uint8

// More of it can be held, more than can be held, or nothing.
const (
	ToCome Rest = iota
	Beyond
	None
)

// NeedsBody reports whether Scan has to be called until it is ready.
func (c *Crossing) NeedsBody() bool { return c.reads }

// Scan looks at the body: held is all that has come of it from its first byte, without
// the framing of chunks. It may be called with more each time, and looks at each byte
// once. Where rest is not ToCome it comes to an end. ready tells that the request can be sent:
// what has come of its body, with Edit made, and then the rest as it comes.
//
// A second model that has come by then is refused. One that comes later is not seen.
func (c *Crossing) Scan(held []byte, rest Rest) (ready bool, err error) {
	found, value, err := c.find(held)
	switch {
	case err != nil:
		return false, err
	case found:
		err = c.take(held, value)
	case rest == None:
		err = c.withoutName(held)
	case rest == ToCome:
		return false, nil
	default:
		err = c.tooFar()
	}
	if err == nil {
		err = c.checkVersion()
	}
	c.reads = err != nil
	return err == nil, err
}

// find goes on looking for model.
func (c *Crossing) find(held []byte) (found bool, value span, err error) {
	if c.isForm {
		err = c.form.scan(held)
		return c.form.found, c.form.value, err
	}
	err = c.json.scan(held)
	return c.json.found, c.json.value, err
}

// take takes the value of model. Where the path has named it, what the body says
// counts for nothing: LangChain sends null or gpt-3.5-turbo there.
func (c *Crossing) take(held []byte, value span) error {
	text := held[value.start:value.end]
	if c.model == nil {
		if err := c.choose(text); err != nil {
			return err
		}
	}
	with := c.model.quoted
	if c.isForm {
		with = with[1 : len(with)-1]
	}
	if c.replaces && !bytes.Equal(text, with) {
		c.edit, c.with = value, with
	}
	return nil
}

// choose finds the model that a value names; null and nothing name none.
func (c *Crossing) choose(text []byte) error {
	var room [maxName + utf8.UTFMax]byte
	name := text
	if !c.isForm && string(text) == "null" {
		name = nil
	} else if !c.isForm {
		var fits, ok bool
		name, fits, ok = unquote(room[:], text[1:len(text)-1])
		switch {
		case !ok:
			return errEscape
		case !fits:
			return edgeerr.New(edgeerr.ModelNotFound, "")
		}
	}
	if len(name) == 0 {
		return c.fallBack()
	}
	if c.model = c.table.named(name, c.table.toV1); c.model == nil {
		return edgeerr.New(edgeerr.ModelNotFound, "")
	}
	return nil
}

// fallBack takes the default.
func (c *Crossing) fallBack() error {
	if c.model = c.table.fallback; c.model == nil {
		return errNoModel
	}
	return nil
}

// withoutName goes on where the whole body names no model.
func (c *Crossing) withoutName(held []byte) error {
	switch {
	case c.isForm && c.form.state != formEnd:
		return errFormEnds
	case !c.isForm && c.json.state == jsonStart:
		return errNotJSON
	case !c.isForm && c.json.state != jsonEnd:
		return errEndsEarly
	}
	if c.model == nil {
		if err := c.fallBack(); err != nil {
			return err
		}
	}
	if c.replaces {
		c.insert(held)
	}
	return nil
}

// tooFar goes on where the name is not in the part of a longer body that is held. It
// could still come, so that none can be put in front: readers take the last of two.
func (c *Crossing) tooFar() error {
	if c.model == nil && c.table.fallback != nil && !c.replaces {
		return c.fallBack()
	}
	return edgeerr.New(edgeerr.ModelTooFar, "")
}

// insert adds the name where the body has none.
func (c *Crossing) insert(held []byte) {
	if !c.isForm {
		at := c.json.open + 1
		c.edit = span{at, at}
		c.with = append(append([]byte(`"model":`), c.model.quoted...), ',')
		if !c.json.members {
			c.with = c.with[:len(c.with)-1]
		}
		return
	}
	name := c.model.quoted[1 : len(c.model.quoted)-1]
	c.with = append(c.with, c.form.delimiter()[2:]...)
	c.with = append(c.with, "\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n"...)
	c.with = append(c.with, name...)
	if held[0] != '\r' { // else the body begins with the line end that belongs here
		c.with = append(c.with, "\r\n"...)
	}
}

// Edit says what is replaced of the body once Scan is ready: the bytes from start to
// end by with. Nothing where with is nil. The length of the body changes by
// len(with) - (end - start).
func (c *Crossing) Edit() (start, end int, with []byte) { return c.edit.start, c.edit.end, c.with }
