// Package shares asks the store that replicas share, a Redis or Valkey, for what the
// rates of their routes may let pass. It asks in the background, for many keys at once
// and a hundred times a second at most, and nobody waits for it: what happens without
// an answer is said by package admit.
//
//	k := shares.New(log)
//	store, stop, err := k.Open(conf.Shared)
package shares

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/secret"
	"github.com/apim-edge/apim-edge/proxy/admit"
	"github.com/apim-edge/apim-edge/proxy/route"
)

// Keeper keeps the connection to each store that a configuration names.
type Keeper struct {
	log    zerolog.Logger
	counts counts

	mu     sync.Mutex
	stores map[[sha256.Size]byte]*store // by all that makes one what it is
	ended  sync.WaitGroup
}

// counts are of all stores since the start.
type counts struct{ answered, failed, lent, none, lost atomic.Int64 }

// New returns a keeper of no store.
func New(log zerolog.Logger) *Keeper {
	return &Keeper{log: log, stores: map[[sha256.Size]byte]*store{}}
}

// Open returns a store that is asked until stop is called. It need not be there: it is
// reached when it can be.
func (k *Keeper) Open(conf config.Shared) (_ route.Store, stop func(), err error) {
	o, key, err := settings(conf)
	if err != nil {
		return route.Store{}, nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.stores[key]
	if s == nil {
		s = k.begin(o, conf.Closed)
		k.stores[key] = s
	}
	s.users++
	return s.Store, sync.OnceFunc(func() { k.close(key, s) }), nil
}

func (k *Keeper) close(key [sha256.Size]byte, s *store) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s.users--; s.users == 0 {
		delete(k.stores, key)
		s.cancel()
	}
}

// Close waits for the end of the stores that nobody has open any more.
func (k *Keeper) Close() { k.ended.Wait() }

// options are what a connection to a store is made with.
type options struct {
	config.Store
	password    secret.Source // nil: none
	authorities *x509.CertPool
	secret      [32]byte
}

// settings reads what the configuration names. key is all of it.
func settings(conf config.Shared) (o options, key [sha256.Size]byte, err error) {
	var fault string
	if o.Store, fault = config.ParseStore(conf.Redis); fault != "" {
		return o, key, errors.New("redis: " + fault)
	}
	var password secret.Value
	if conf.Password != "" {
		if o.password, err = secret.Parse(conf.Password); err == nil {
			password, err = o.password.Current()
		}
		if err != nil {
			return o, key, fmt.Errorf("password: %w", err)
		}
	}
	var material []byte
	if conf.CAFile != "" {
		if material, err = os.ReadFile(conf.CAFile); err != nil {
			return o, key, fmt.Errorf("ca_file: %w", err)
		}
		o.authorities = x509.NewCertPool()
		if !o.authorities.AppendCertsFromPEM(material) {
			return o, key, fmt.Errorf("ca_file: %s holds no PEM certificate", conf.CAFile)
		}
	}
	// All replicas that know the password come to the same secret, and nobody else.
	mac := hmac.New(sha256.New, []byte(password.Reveal()))
	mac.Write([]byte("apim-edge: keys of callers"))
	copy(o.secret[:], mac.Sum(nil))
	return o, sha256.Sum256(fmt.Appendf(nil, "%+v|%x|%x", conf, o.secret, material)), nil
}

var (
	up = prometheus.NewDesc("apim_edge_shared_store_up", "1 while the store that replicas share answers, else 0.", nil, nil)

	questions = prometheus.NewDesc("apim_edge_shared_store_questions_total", "Questions to the store that replicas share, each for the shares of many keys, by result: ok or failed.", []string{"result"}, nil)
	shares    = prometheus.NewDesc("apim_edge_shared_store_shares_total", "Shares of rates that the store was asked for: lent, none where nothing was left, lost where a replica had too many questions.", []string{"share"}, nil)
)

// Describe implements prometheus.Collector.
func (k *Keeper) Describe(ch chan<- *prometheus.Desc) { ch <- up; ch <- questions; ch <- shares }

// Collect implements prometheus.Collector.
func (k *Keeper) Collect(ch chan<- prometheus.Metric) {
	lost := k.counts.lost.Load()
	k.mu.Lock()
	for _, s := range k.stores {
		reached := 1.0
		if s.Lender.Away() {
			reached = 0
		}
		lost += s.Lender.Lost()
		if len(k.stores) == 1 { // else a reload is under way
			ch <- prometheus.MustNewConstMetric(up, prometheus.GaugeValue, reached)
		}
	}
	k.mu.Unlock()
	count := func(d *prometheus.Desc, n int64, label string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), label)
	}
	count(questions, k.counts.answered.Load(), "ok")
	count(questions, k.counts.failed.Load(), "failed")
	count(shares, k.counts.lent.Load(), "lent")
	count(shares, k.counts.none.Load(), "none")
	count(shares, lost, "lost")
}

// begin begins to ask a store.
func (k *Keeper) begin(o options, closed bool) *store {
	s := &store{
		Store:  route.Store{Lender: admit.NewLender(closed), Secret: &o.secret},
		o:      o,
		counts: &k.counts,
		log:    k.log.With().Str("store", o.Address).Logger(),
		closed: closed,
	}
	s.begin(&k.ended)
	return s
}
