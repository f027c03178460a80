package lookalike

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"iter"
	"net/http"
	"strconv"
	"time"
)

// object is a JSON object.
type object = map[string]any

// answer is what goes back, before it is known how it is framed.
type answer struct {
	status      int
	contentType string
	fields      [][2]string
	// frames are the parts of the body: one for JSON, one per event of a
	// stream. They can be gone through twice and are the same each time.
	frames iter.Seq[[]byte]
	stream bool
	// pause is the silence before frame i of a stream.
	pause func(i int) time.Duration
	// service says that it comes from behind APIM's gate.
	service bool
	fault   fault
}

func jsonAnswer(status int, body object) answer {
	raw, err := json.Marshal(body)
	if err != nil {
		panic("BUG: " + err.Error()) // objects hold strings, numbers and slices only
	}
	return answer{status: status, contentType: "application/json", frames: one(raw)}
}

// one is a body of one frame.
func one(body []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) { yield(body) }
}

// send writes the answer, faults included.
func (x *exchange) send(a answer) {
	x.writeFields(a)
	if x.s.opt.OnRequest != nil {
		x.s.opt.OnRequest(x.request)
	}
	if a.fault.delaysHead() && !x.wait(a.fault.headDelay(x.s.opt)) {
		panic(http.ErrAbortHandler) // the client went, or the server closes
	}
	x.status = a.status
	switch {
	case x.s.opt.Buffer && a.stream:
		x.sendBuffered(a)
	case a.fault.cuts():
		x.sendCut(a)
	case a.stream:
		x.sendStream(a)
	default:
		x.sendWhole(a)
	}
}

func (x *exchange) sendWhole(a answer) {
	body := joined(a)
	x.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	x.w.WriteHeader(a.status)
	_, _ = x.w.Write(body) // a client that left is seen by the next read
}

// sendBuffered collects a stream, as forward-request does with buffer-response.
func (x *exchange) sendBuffered(a answer) {
	const collected = 8 << 10
	x.w.WriteHeader(a.status)
	var held []byte
	for frame := range a.frames {
		if !x.wait(a.pause(x.events)) {
			panic(http.ErrAbortHandler)
		}
		x.events++
		if held = append(held, frame...); len(held) >= collected {
			_, _ = x.w.Write(held) // a client that left is seen by wait
			held = held[:0]
		}
	}
	_, _ = x.w.Write(held)
}

// sendStream writes each frame at its time. The head goes out at once: a
// client of a slow model must see that its request was taken.
func (x *exchange) sendStream(a answer) {
	flush := http.NewResponseController(x.w).Flush
	x.w.WriteHeader(a.status)
	_ = flush()
	for frame := range a.frames {
		if !x.wait(a.pause(x.events)) {
			panic(http.ErrAbortHandler) // ending cleanly would look complete
		}
		if _, err := x.w.Write(frame); err != nil {
			x.left = true
			panic(http.ErrAbortHandler)
		}
		if err := flush(); err != nil {
			x.left = true
			panic(http.ErrAbortHandler)
		}
		x.events++
	}
}

// wait lets d pass; false means that the client left or the server closes.
func (x *exchange) wait(d time.Duration) bool {
	done := x.r.Context().Done()
	if d <= 0 {
		select {
		case <-done:
			x.left = true
			return false
		default:
			return true
		}
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		x.left = true
		return false
	case <-timer.C:
		return true
	}
}

// writeFields sets the answer's head. Names go into the map as they are, which
// keeps Azure's lower case on the wire.
func (x *exchange) writeFields(a answer) {
	head := x.w.Header()
	set := func(name, value string) { head[name] = []string{value} }
	if a.contentType != "" {
		head.Set("Content-Type", a.contentType)
	}
	if a.service {
		set("apim-request-id", x.request.ID)
		set("x-ms-request-id", guid())
		set("x-ms-region", "West Europe")
		set("x-ratelimit-limit-requests", "120")
		set("x-ratelimit-limit-tokens", "120000")
		set("x-ratelimit-remaining-requests", "119")
		set("x-ratelimit-remaining-tokens", "119000")
		if x.s.opt.CORS != CORSNone {
			head.Set("Access-Control-Allow-Origin", "*")
		}
		if origin := x.r.Header.Get("Origin"); origin != "" && x.s.opt.CORS == CORSTwice {
			head.Add("Access-Control-Allow-Origin", origin)
		}
	}
	set("x-lookalike-credential", x.request.Credential)
	if x.keyUsed != "" {
		set("x-lookalike-key", x.keyUsed)
	}
	if x.request.BodySHA256 != "" {
		set("x-lookalike-body-sha256", x.request.BodySHA256)
	}
	if a.frames != nil {
		set("x-lookalike-answer-sha256", digest(a.frames))
	}
	for _, f := range a.fields {
		set(f[0], f[1])
	}
}

// digest is the SHA-256 of the whole body, known before its first byte is
// sent: whoever relays a stream can be checked without a trailer.
func digest(frames iter.Seq[[]byte]) string {
	sum := sha256.New()
	for frame := range frames {
		sum.Write(frame)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func joined(a answer) []byte {
	var body []byte
	if a.frames == nil {
		return nil
	}
	for frame := range a.frames {
		body = append(body, frame...)
	}
	return body
}
