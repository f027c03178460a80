package shares

import (
	"context"
	"crypto/tls"
	_ "embed"
	"encoding/hex"
	"errors"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/redis/rueidis"
	"github.com/rs/zerolog"

	"github.com/apim-edge/apim-edge/internal/secret"
	"github.com/apim-edge/apim-edge/proxy/admit"
	"github.com/apim-edge/apim-edge/proxy/route"
)

// store is one that is asked, by one goroutine.
type store struct {
	route.Store
	o      options
	counts *counts
	log    zerolog.Logger
	closed bool
	told   bool // that it is away
	cancel context.CancelFunc
	users  int // guarded by the keeper
}

const (
	// answerTime is how long an answer is waited for, connectTime how long a connection.
	answerTime  = 2 * time.Second
	connectTime = 2 * time.Second
	// pause lies between two questions, so that the next one is for many keys.
	pause = 10 * time.Millisecond
	// most bounds the keys of one question.
	most = 256
	// probing is how often a store that nobody asks is looked at; again, how long one that
	// is away is left alone.
	probing = time.Second
	again   = time.Second
)

func (s *store) begin(ended *sync.WaitGroup) {
	var ctx context.Context
	ctx, s.cancel = context.WithCancel(context.Background())
	ended.Go(func() {
		for ctx.Err() == nil {
			if err := s.converse(ctx); ctx.Err() == nil {
				s.away(err)
				wait(ctx, again)
			}
		}
		s.counts.lost.Add(s.Lender.Lost())
	})
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// converse connects and asks until something fails.
func (s *store) converse(ctx context.Context) error {
	client, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := s.probe(ctx, client); err != nil {
		return err
	}
	s.here()
	for {
		select {
		case <-ctx.Done():
			return nil
		case first := <-s.Lender.Asked():
			err = s.ask(ctx, client, s.gather(first))
		case <-time.After(probing):
			err = s.probe(ctx, client)
		}
		if err != nil {
			return err
		}
		wait(ctx, pause)
	}
}

// connect connects anew, with the password as it is now. The library's client would also
// do so by itself, but says nothing of it; nor does it tell a store that is away from
// one that is slow.
func (s *store) connect(ctx context.Context) (rueidis.Client, error) {
	o := rueidis.ClientOption{
		InitAddress: []string{s.o.Address}, SelectDB: s.o.Database, ClientName: "apim-edge",
		Dialer:           net.Dialer{Timeout: connectTime, KeepAlive: probing},
		ConnWriteTimeout: connectTime,
		DisableCache:     true, DisableRetry: true,
		// One connection, and small buffers: the library's are half a megabyte each.
		PipelineMultiplex: -1, ReadBufferEachConn: 16 << 10, WriteBufferEachConn: 16 << 10, RingScaleEachConn: 10,
		DialCtxFn: func(_ context.Context, address string, d *net.Dialer, conf *tls.Config) (net.Conn, error) {
			if conf != nil {
				return (&tls.Dialer{NetDialer: d, Config: conf}).DialContext(ctx, "tcp", address)
			}
			return d.DialContext(ctx, "tcp", address)
		},
		AuthCredentialsFn: func(rueidis.AuthCredentialsContext) (rueidis.AuthCredentials, error) {
			password, err := current(s.o.password)
			return rueidis.AuthCredentials{Username: s.o.User, Password: password.Reveal()}, err
		},
	}
	if s.o.TLS {
		o.TLSConfig = &tls.Config{ServerName: s.o.Host, RootCAs: s.o.authorities, MinVersion: tls.VersionTLS12}
	}
	return rueidis.NewClient(o)
}

func current(source secret.Source) (secret.Value, error) {
	if source == nil {
		return secret.Value{}, nil
	}
	return source.Current()
}

// gather takes the questions that wait, up to so many.
func (s *store) gather(first admit.Loan) []admit.Loan {
	all := []admit.Loan{first}
	for len(all) < most {
		select {
		case q := <-s.Lender.Asked():
			all = append(all, q)
		default:
			return all
		}
	}
	return all
}

// script is sent along each time: a store that was started anew knows none.
//
//go:embed lend.lua
var script string

// ask asks for all questions in one round trip.
func (s *store) ask(ctx context.Context, client rueidis.Client, all []admit.Loan) error {
	var asked []admit.Loan
	var commands rueidis.Commands
	now := time.Now()
	for _, q := range all {
		if q.Due(now) {
			asked = append(asked, q)
			commands = append(commands, lend(client, &q))
		}
	}
	if len(asked) == 0 {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	var failed error
	for i, r := range client.DoMulti(limited, commands...) {
		answer, err := r.AsIntSlice()
		if err == nil && len(answer) != 2 {
			err = errAnswer
		}
		if err != nil {
			failed = err
			asked[i].Failed()
			continue
		}
		s.answered(&asked[i], answer)
	}
	s.count(failed)
	return failed
}

var errAnswer = errors.New("the store has answered something else than was asked for")

func lend(client rueidis.Client, q *admit.Loan) rueidis.Completed {
	every, room := q.Rate.Every(), q.Rate.Every()*time.Duration(q.Rate.Burst())
	return client.B().Eval().Script(script).Numkeys(1).Key(keyOf(q)).Arg(
		micros(every), micros(room), strconv.Itoa(q.Spent), micros(q.Ago), strconv.Itoa(q.Want)).Build()
}

// keyOf names a count in the store: by its rule, which is no secret, and by a keyed hash.
func keyOf(q *admit.Loan) string {
	return "apim-edge:" + q.Rate.Name + ":" + hex.EncodeToString(q.Key[:])
}

func micros(d time.Duration) string { return strconv.FormatFloat(float64(d)/1e3, 'f', -1, 64) }

func (s *store) answered(q *admit.Loan, answer []int64) {
	q.Lent(int(answer[0]), time.Duration(answer[1])*time.Microsecond, time.Now())
	if answer[0] > 0 {
		s.counts.lent.Add(1)
	} else {
		s.counts.none.Add(1)
	}
}

func (s *store) count(failed error) {
	if failed != nil {
		s.counts.failed.Add(1)
	} else {
		s.counts.answered.Add(1)
	}
}

// probe asks for nothing, as a question does: who may not run the script, or not write,
// is told so at once, and not by the first request.
func (s *store) probe(ctx context.Context, client rueidis.Client) error {
	limited, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	err := client.Do(limited, client.B().Eval().Script(script).Numkeys(1).Key("apim-edge:probe").Arg("1", "1", "0", "0", "0").Build()).Error()
	s.count(err)
	return err
}

// here and away take over whether the store answers, and tell it once.
func (s *store) here() {
	s.Lender.SetAway(false)
	s.told = false
	s.log.Info().Msg("the store that replicas share can be asked")
}

func (s *store) away(err error) {
	s.Lender.SetAway(true)
	for n := len(s.Lender.Asked()); n > 0; n-- { // nobody is going to answer these
		q := <-s.Lender.Asked()
		q.Failed()
	}
	if s.told {
		return
	}
	s.told = true
	text := "the store that replicas share is away; each replica counts for itself"
	if s.closed {
		text = "the store that replicas share is away; requests of routes with limits are refused"
	}
	s.log.Warn().Err(err).Msg(text)
}
