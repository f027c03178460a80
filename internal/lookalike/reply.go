package lookalike

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// slowReasoning is the model that thinks before it speaks, and speaks slowly.
const slowReasoning = "slow-reasoning"

// maxEvents bounds what one request may wish for.
const maxEvents = 1_000_000

// wish is what a request asks of its stream by x-lookalike-events (how many
// words the answer has) and x-lookalike-interval (the pause between events).
type wish struct {
	events   int
	interval time.Duration
}

func (x *exchange) readWish() error {
	x.wish.interval = x.s.opt.EventInterval
	if v := x.r.Header.Get("x-lookalike-events"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > maxEvents {
			return fmt.Errorf("x-lookalike-events: want a number from 1 to %d, got %q", maxEvents, v)
		}
		x.wish.events = n
	}
	if v := x.r.Header.Get("x-lookalike-interval"); v != "" {
		d, err := time.ParseDuration(v)
		if err != nil || d < 0 {
			return fmt.Errorf("x-lookalike-interval: want a duration such as 20ms, got %q", v)
		}
		x.wish.interval = d
	}
	return nil
}

// decode reads the JSON body into v. The model is the deployment in the legacy
// shape, where the body's own is ignored, as Azure OpenAI does.
func (x *exchange) decode(v any) *answer {
	raw, err := io.ReadAll(io.LimitReader(x.body, maxBody+1))
	if err != nil {
		return refuse(http.StatusBadRequest, "the request body ended early: "+err.Error())
	}
	if len(raw) > maxBody {
		return refuse(http.StatusRequestEntityTooLarge, "the request body is too large")
	}
	var named struct {
		Model string `json:"model"`
	}
	if err := json.Unmarshal(raw, &named); err != nil {
		return refuse(http.StatusBadRequest, "we could not parse the JSON body of your request: "+err.Error())
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return refuse(http.StatusBadRequest, "invalid type in the JSON body: "+err.Error())
	}
	x.model = named.Model
	if x.op.deployment != "" {
		x.model = x.op.deployment
	}
	if x.model == "" {
		return refuse(http.StatusBadRequest, "you must provide a model parameter")
	}
	if !x.s.opt.has(x.model) {
		return noDeployment()
	}
	return nil
}

func refuse(status int, message string) *answer {
	a := invalidRequest(message)
	a.status = status
	return &a
}

// words is the answer to prompt, one string per event.
func (x *exchange) words(prompt string) []string {
	said := "You said: " + prompt
	switch {
	case x.wish.events > 0:
		all := make([]string, x.wish.events)
		for i := range all {
			all[i] = fmt.Sprintf("%d ", i)
		}
		all[0] = said + " "
		return all
	case x.model == slowReasoning:
		return []string{said + "\n", "I ", "thought ", "about ", "it."}
	}
	return strings.SplitAfter(said+"\n"+x.explanation(), " ")
}

func (x *exchange) explanation() string {
	found := "It asked for no subscription key"
	if x.keyUsed != "" {
		found = "It looked for a subscription key in the field " + x.s.opt.KeyField + " and found a valid one"
	}
	return "This answer comes from a stand-in for a legacy API Management with Azure OpenAI behind it. " +
		found + ". It sends one word per event, so that you can see whether anything on the way holds them back."
}

// stream makes an answer of events.
func (x *exchange) stream(frames func(yield func([]byte) bool)) answer {
	return answer{
		status: http.StatusOK, contentType: "text/event-stream; charset=utf-8",
		fields: [][2]string{{"Cache-Control", "no-cache"}},
		frames: frames, stream: true, pause: x.pause,
	}
}

func (x *exchange) pause(i int) time.Duration {
	switch {
	case x.model == slowReasoning && i == 0:
		return x.s.opt.ReasoningPause
	case x.model == slowReasoning:
		return x.s.opt.ReasoningPause / 2
	case i == 0:
		return 0
	}
	return x.wish.interval
}

// FirstWord returns how long a streamed chat with the model slow-reasoning waits
// for its first word: the event before it has none, only the role.
func (s *Server) FirstWord() time.Duration {
	x := &exchange{s: s, model: slowReasoning}
	return x.pause(0) + x.pause(1)
}

// event is one server-sent event; name may be empty.
func event(name string, data object) []byte {
	raw, err := json.Marshal(data)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	if name == "" {
		return fmt.Appendf(nil, "data: %s\n\n", raw)
	}
	return fmt.Appendf(nil, "event: %s\ndata: %s\n\n", name, raw)
}

var doneEvent = []byte("data: [DONE]\n\n")

// textOf returns the text of a message: a string, or a list of parts.
func textOf(content json.RawMessage) string {
	var plain string
	if json.Unmarshal(content, &plain) == nil {
		return plain
	}
	var parts []struct {
		Text string `json:"text"`
	}
	_ = json.Unmarshal(content, &parts) // anything else has no text
	var texts []string
	for _, p := range parts {
		if p.Text != "" {
			texts = append(texts, p.Text)
		}
	}
	return strings.Join(texts, "\n")
}

// message is one entry of a conversation, in chat completions and responses.
type message struct {
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`
}

// lastUserText is what the answer repeats.
func lastUserText(messages []message) string {
	for i := len(messages) - 1; i >= 0; i-- {
		if messages[i].Role == "user" {
			return textOf(messages[i].Content)
		}
	}
	return ""
}

// countTokens counts words: good enough to be plausible, and stable.
func countTokens(text string) int { return len(strings.Fields(text)) }
