package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"time"
)

func isEvents(h http.Header) bool {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && kind == "text/event-stream"
}

// longestLine bounds one line of an event; the last event of the Responses API
// holds the whole answer.
const longestLine = 16 << 20

// readEvents reads a stream to its end and takes the time of every event.
func readEvents(body io.Reader, intended time.Time, o *outcome) error {
	o.isStream = true
	lines := bufio.NewReaderSize(body, 64<<10)
	var last time.Time
	inEvent, final := false, false
	length := 0
	for {
		line, err := lines.ReadSlice('\n')
		length += len(line)
		if errors.Is(err, bufio.ErrBufferFull) && length < longestLine {
			continue // a long line: its start has been looked at
		}
		if err != nil {
			o.incomplete = err == io.EOF && !final
			o.cut = errors.Is(err, io.ErrUnexpectedEOF)
			if err == io.EOF {
				return nil
			}
			return err
		}
		text := bytes.TrimRight(line, "\r\n")
		switch {
		case len(text) > 0:
			inEvent = inEvent || bytes.HasPrefix(text, []byte("data:"))
			final = final || isFinal(text)
		case inEvent:
			inEvent = false
			o.events++
			now := time.Now()
			if o.events == 1 {
				o.firstEvent = now.Sub(intended)
			} else {
				o.gaps = append(o.gaps, now.Sub(last))
			}
			last = now
		}
		length = 0
	}
}

// isFinal recognises the line by which a stream says that it is whole: [DONE] of
// chat completions, the closing events of the Responses API.
func isFinal(line []byte) bool {
	if bytes.Equal(line, []byte("data: [DONE]")) || bytes.Equal(line, []byte("data:[DONE]")) {
		return true
	}
	name, isName := bytes.CutPrefix(line, []byte("event:"))
	if !isName {
		return false
	}
	switch string(bytes.TrimSpace(name)) {
	case "response.completed", "response.incomplete", "response.failed", "message_stop":
		return true
	}
	return false
}
