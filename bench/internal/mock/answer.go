package mock

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
)

// refusal is what APIM says to a request without its key, near enough.
var refusal = answerBytes("401 Access Denied", []byte(`{"statusCode":401,"message":"Access denied due to missing subscription key."}`))

// streamHead begins every event stream.
const streamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n" +
	"apim-request-id: 5e3a1b7c-0d5f-4a6e-9b1e-2f7d8c9a0b1c\r\nx-ratelimit-remaining-tokens: 149000\r\nTransfer-Encoding: chunked\r\n\r\n"

func answerBytes(status string, body []byte) []byte {
	head := fmt.Sprintf("HTTP/1.1 %s\r\nContent-Type: application/json\r\n"+
		"apim-request-id: 5e3a1b7c-0d5f-4a6e-9b1e-2f7d8c9a0b1c\r\nx-ratelimit-remaining-tokens: 149000\r\nContent-Length: %d\r\n\r\n",
		status, len(body))
	return append([]byte(head), body...)
}

// answers holds whole answers by size, so that one costs one write.
var answers sync.Map

func jsonAnswer(size int) []byte {
	if made, ok := answers.Load(size); ok {
		return made.([]byte)
	}
	const before = `{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"`
	const after = `"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":9,"total_tokens":18}}`
	text := strings.Repeat("lorem ", size/6+1)[:max(0, size-len(before)-len(after))]
	made, _ := answers.LoadOrStore(size, answerBytes("200 OK", []byte(before+text+after)))
	return made.([]byte)
}

// answer does what the marker says. It returns while a paced or silent stream
// runs on, so that the connection is read and its end seen.
func (c *conn) answer(marker string) error {
	words := strings.Split(marker, ":")
	switch words[0] {
	case "json":
		_, err := c.Write(jsonAnswer(number(words, 1)))
		return err
	case "sink":
		_, err := c.Write(jsonAnswer(256))
		return err
	case "events":
		return c.startEvents(number(words, 1), number(words, 2))
	case "silent":
		if _, err := c.Write(firstEvent(c.server.clock.Now())); err != nil {
			return err
		}
		c.server.events.Add(1)
		return c.stayUntilDeparture(words)
	case "wait":
		return c.stayUntilDeparture(words)
	case "flood":
		return c.flood()
	case "bytes":
		return c.writeBytes(int64(number(words, 1)))
	}
	_, err := c.Write(answerBytes("400 Bad Request", []byte(`{"message":"the body has no marker that the mock knows"}`)))
	return err
}

func number(words []string, i int) int {
	if i >= len(words) {
		return 0
	}
	n, _ := strconv.Atoi(words[i])
	return n
}

func (c *conn) stayUntilDeparture(words []string) error {
	if len(words) < 2 {
		return errors.New("silent and wait need an id")
	}
	c.mu.Lock()
	c.silent = words[1]
	c.mu.Unlock()
	c.server.begin(c)
	c.server.mu.Lock()
	c.server.running[words[1]] = struct{}{}
	c.server.mu.Unlock()
	return nil
}

// zeros is written for bodies of which only the length matters.
var zeros [256 << 10]byte

func (c *conn) writeBytes(size int64) error {
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n", size)
	if _, err := io.WriteString(c, head); err != nil {
		return err
	}
	for size > 0 {
		n, err := c.Write(zeros[:min(size, int64(len(zeros)))])
		if err != nil {
			return err
		}
		size -= int64(n)
	}
	return nil
}

// flood writes events until the client has left.
func (c *conn) flood() error {
	c.server.begin(c)
	defer c.server.over(c)
	if _, err := io.WriteString(c, streamHead); err != nil {
		return err
	}
	// Many events at once: the queues on the way are megabytes long.
	const atOnce = 100
	block := bytes.Repeat(newEvent().at(0), atOnce)
	for {
		if _, err := c.Write(block); err != nil {
			return err
		}
		c.server.events.Add(atOnce)
	}
}
