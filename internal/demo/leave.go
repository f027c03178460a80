package demo

import (
	"bufio"
	"context"
	"errors"
	"strconv"
	"strings"
	"time"
)

// A client that leaves after eventsHeard of eventsAsked leaves in the middle, however slow
// the machine is: all of them would take 40 s.
const (
	eventsHeard = 5
	eventsAsked = 1000
)

// leave shows that events come one by one, and that upstream hears of a client that
// leaves in the middle.
func (s *show) leave() error {
	ctx, hangUp := context.WithCancel(s.ctx)
	defer hangUp()
	req, err := s.request(ctx, s.edgeURL)
	if err != nil {
		return err
	}
	req.Header.Set("x-lookalike-events", strconv.Itoa(eventsAsked))
	req.Header.Set("x-lookalike-interval", readingPace.String())
	logged, begin := s.log.count(), time.Now()
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	events := 0
	for lines := bufio.NewScanner(resp.Body); events < eventsHeard && lines.Scan(); {
		data, _ := strings.CutPrefix(lines.Text(), "data: ")
		if word := strings.TrimSpace(wordIn(data)); word != "" {
			events++
			s.out.say("after %4d ms  %s", time.Since(begin).Milliseconds(), word)
		}
	}
	hangUp()
	s.promise(events == eventsHeard, "the events should have come before the client left")
	patience, giveUp := context.WithTimeout(s.ctx, s.opt.patience)
	defer giveUp()
	end, known := s.seen.await(patience, resp.Header.Get("apim-request-id"))
	if !known {
		return errors.New("the look-alike should have heard of the end")
	}
	s.out.write("\n")
	s.out.explain("The client has left. API Management heard of it after %d of %d events: the model can stop, and nobody pays for the rest.", end.Events, eventsAsked)
	s.promise(end.Left, "the look-alike should have seen the client leave")
	return s.accessLine(logged)
}
