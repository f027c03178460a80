package demo

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// path is where every current SDK asks, given base_url ".../openai/v1".
const path = "/openai/v1/chat/completions"

const question = `{"model": "gpt-4o", "stream": true, "messages": [{"role": "user", "content": "Hello"}]}`

type show struct {
	*demo
	ctx    context.Context
	client *http.Client
	broken int
	left   bool // by a key
}

// promise says so where something shown is not what was promised.
func (s *show) promise(kept bool, what string) {
	if kept {
		return
	}
	s.broken++
	s.out.say("%s", s.out.style(red, "NOT AS PROMISED: "+what))
}

// without sends a client's request straight to the look-alike.
func (s *show) without() error {
	s.out.command(curl(s.upstreamURL))
	resp, err := s.ask(s.upstreamURL)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	s.out.status(resp.StatusCode)
	s.out.say("%s", body)
	s.out.write("\n")
	s.out.explain("API Management looks for the key in the field api-key alone, before any policy runs. No policy can repair that.")
	s.promise(resp.StatusCode == http.StatusUnauthorized, "the look-alike should have answered 401")
	s.promise(strings.Contains(string(body), "missing subscription key"), "the look-alike should have asked for a subscription key")
	return nil
}

// through sends the same request to the edge and prints the stream as it comes.
func (s *show) through() error {
	s.out.command(curl(s.edgeURL))
	logged, begin := s.log.count(), time.Now()
	resp, err := s.ask(s.edgeURL)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	s.out.status(resp.StatusCode)
	heard, err := s.listen(resp.Body, begin)
	if err != nil {
		return fmt.Errorf("the stream broke off: %w", err)
	}
	s.out.write("\n")
	s.out.explain("%d events in %v, the first word after %v; the look-alike pauses %v between two.",
		heard.events, heard.total.Round(100*time.Millisecond), heard.first.Round(time.Millisecond), s.opt.Pace)
	request := s.seen.last()
	authorization := "absent"
	if request.Has("Authorization") {
		authorization = "present"
	}
	s.out.explain("API Management received: api-key: %s, Authorization: %s.", request.Get("api-key"), authorization)
	s.promise(resp.StatusCode == http.StatusOK, "the edge should have relayed a 200")
	s.promise(strings.HasPrefix(heard.text, "You said: Hello"), "the answer should repeat the question")
	s.promise(heard.done, "the stream should end with [DONE]")
	s.promise(heard.digest == resp.Header.Get("x-lookalike-answer-sha256"), "not one byte of the stream should change on its way")
	s.promise(request.Get("api-key") == subscriptionKey, "the key should arrive in api-key")
	s.promise(authorization == "absent", "Authorization should not reach API Management")
	return s.accessLine(logged)
}

// accessLine prints what the edge's log has of the exchange that was just made,
// behind the first lines of the log.
func (s *show) accessLine(behind int) error {
	ctx, cancel := context.WithTimeout(s.ctx, s.opt.patience)
	defer cancel()
	line, found := s.log.await(ctx, behind, path)
	if !found {
		return errors.New("the log of apim-edge should have a line of it")
	}
	s.out.write("\n")
	s.out.say("The log of apim-edge:")
	s.out.line(line)
	return nil
}

// fromAPage asks the edge what a browser asks before a page may chat, and gets
// the page.
func (s *show) fromAPage() error {
	req, err := http.NewRequestWithContext(s.ctx, http.MethodOptions, s.edgeURL+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Origin", s.pageURL)
	req.Header.Set("Access-Control-Request-Method", http.MethodPost)
	req.Header.Set("Access-Control-Request-Headers", "authorization,content-type,x-stainless-retry-count")
	logged := s.log.count()
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	allowed := resp.Header.Get("Access-Control-Allow-Origin")
	s.out.say("OPTIONS %s", path)
	s.out.say("Origin: %s", s.pageURL)
	s.out.write("\n")
	s.out.status(resp.StatusCode)
	s.out.say("Access-Control-Allow-Origin: %s", allowed)
	s.out.write("\n")
	s.out.explain("The edge answers preflights itself. The demo's page chats through it, and shows what a browser makes of API Management without it.")
	s.promise(resp.StatusCode == http.StatusNoContent || resp.StatusCode == http.StatusOK, "the preflight should succeed")
	s.promise(allowed == s.pageURL, "the page's origin should be allowed")
	if err := s.accessLine(logged); err != nil {
		return err
	}
	return s.pageIsThere()
}

func (s *show) pageIsThere() error {
	req, err := http.NewRequestWithContext(s.ctx, http.MethodGet, s.pageURL+"/", nil)
	if err != nil {
		return err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	s.promise(resp.StatusCode == http.StatusOK, "the page should be there")
	return nil
}

// ask sends the question as an OpenAI client does.
func (s *show) ask(base string) (*http.Response, error) {
	req, err := s.request(s.ctx, base)
	if err != nil {
		return nil, err
	}
	return s.client.Do(req)
}

func (s *show) request(ctx context.Context, base string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+path, strings.NewReader(question))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+subscriptionKey)
	req.Header.Set("Content-Type", "application/json")
	return req, nil
}

// heard is what came of a stream.
type heard struct {
	events       int
	text         string
	first, total time.Duration
	done         bool
	digest       string
}

// listen prints the words of a stream as they come.
func (s *show) listen(body io.Reader, begin time.Time) (heard, error) {
	var h heard
	sum := sha256.New()
	lines := bufio.NewScanner(io.TeeReader(body, sum))
	screen := wrapper{p: s.out, indent: "  ", next: "  ", limit: width}
	for lines.Scan() {
		data, isData := strings.CutPrefix(lines.Text(), "data: ")
		if !isData {
			continue
		}
		h.events++
		h.done = data == "[DONE]"
		word := wordIn(data)
		if word != "" && h.text == "" {
			h.first = time.Since(begin)
		}
		h.text += word
		screen.put(word)
	}
	screen.close()
	h.total, h.digest = time.Since(begin), hex.EncodeToString(sum.Sum(nil))
	return h, lines.Err()
}

// wordIn reads the text of one event of a chat.
func wordIn(data string) string {
	var event struct {
		Choices []struct {
			Delta struct {
				Content string `json:"content"`
			} `json:"delta"`
		} `json:"choices"`
	}
	if json.Unmarshal([]byte(data), &event) != nil || len(event.Choices) == 0 {
		return ""
	}
	return event.Choices[0].Delta.Content
}
