package keyring

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/identity/azuretest"
	"github.com/apim-edge/apim-edge/internal/secret"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

const aoai = "keyvault:https://contoso.vault.azure.net/secrets/aoai"

func TestAKeyOfAVaultIsShownAndItsRotationFollowed(t *testing.T) {
	in(t, func(p *place) {
		p.cloud.Vault.Set("aoai", azuretest.Secret{Value: "s3cret-one"})
		c := p.open(config.Auth{Value: aoai})
		want(t, c, "api-key: s3cret-one")
		p.cloud.Vault.Set("aoai", azuretest.Secret{Value: "s3cret-two\n"})
		time.Sleep(lookAtVault)
		want(t, c, "api-key: s3cret-two")
		p.log.want(t)
		if p.ready() != "" || p.health.Notes() != nil {
			t.Errorf("unready by %q, notes %q", p.ready(), p.health.Notes())
		}
	})
}

// TestAnOutageOfTheVaultLosesNothing holds that the last good key is used for as long
// as it lasts, that people are told once, and that the instance stays ready.
func TestAnOutageOfTheVaultLosesNothing(t *testing.T) {
	in(t, func(p *place) {
		p.cloud.Vault.Set("aoai", azuretest.Secret{Value: "s3cret-one"})
		c := p.open(config.Auth{Value: aoai})
		p.cloud.Vault.Fail(429)
		time.Sleep(24 * time.Hour)
		want(t, c, "api-key: s3cret-one")
		p.log.want(t, "warn")
		if notes := fmt.Sprint(p.health.Notes()); p.ready() != "" || !strings.Contains(notes, "upstream east: "+aoai+": the vault answers 429 (Throttled)") {
			t.Errorf("unready by %q, notes %q", p.ready(), notes)
		}
		p.cloud.Vault.Fail(0)
		p.cloud.Vault.Set("aoai", azuretest.Secret{Value: "s3cret-two"})
		time.Sleep(10 * time.Minute)
		want(t, c, "api-key: s3cret-two")
		p.log.want(t, "info")
		if p.health.Notes() != nil {
			t.Errorf("notes %q", p.health.Notes())
		}
	})
}

// TestASecretThatIsTakenBackIsNotShown holds it for a secret that is disabled and for one
// that expires, with the vault there or not.
func TestASecretThatIsTakenBackIsNotShown(t *testing.T) {
	for name, tc := range map[string]struct {
		now  func(p *place)
		life time.Duration
	}{
		"disabled":           {now: func(p *place) { p.cloud.Vault.Set("aoai", azuretest.Secret{Value: "s3cret-one", Disabled: true}) }},
		"expired":            {now: func(*place) {}, life: 7 * time.Minute},
		"expired in outages": {now: func(p *place) { p.cloud.Vault.Fail(503) }, life: 7 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(p *place) {
				s := azuretest.Secret{Value: "s3cret-one"}
				if tc.life > 0 {
					s.Expires = time.Now().Add(tc.life)
				}
				p.cloud.Vault.Set("aoai", s)
				c := p.open(config.Auth{Value: aoai})
				want(t, c, "api-key: s3cret-one")
				tc.now(p)
				time.Sleep(9 * time.Minute)
				want(t, c, "")
				if p.ready() != "" || len(p.health.Notes()) != 1 || !strings.Contains(p.log.String(), `"level":"error"`) {
					t.Errorf("unready by %q, notes %q, log\n%s", p.ready(), p.health.Notes(), p.log)
				}
				p.cloud.Vault.Fail(0)
				p.cloud.Vault.Set("aoai", azuretest.Secret{Value: "s3cret-two"})
				time.Sleep(10 * time.Minute)
				want(t, c, "api-key: s3cret-two")
			})
		})
	}
}

// TestAnInstanceIsNotReadyBeforeItHasItsCredentials holds the start in an outage.
func TestAnInstanceIsNotReadyBeforeItHasItsCredentials(t *testing.T) {
	in(t, func(p *place) {
		p.cloud.Identity.Hang(true)
		auth := p.identity()
		began := time.Now()
		done := p.Prepare(config.Config{Upstreams: map[string]config.Upstream{"east": {Auth: auth}, "none": {}}}, 5*time.Second)
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("the start waits for %v", took)
		}
		c, _, err := p.Open("east", complete(auth))
		testkit.Must(t, err)
		done()
		want(t, c, "")
		if got := p.ready(); !strings.Contains(got, "upstream east: managed identity "+p.id+" for https://cognitiveservices.azure.com: ") {
			t.Errorf("unready by %q", got)
		}
		time.Sleep(10 * time.Minute)
		p.log.want(t, "error")
		p.cloud.Identity.Hang(false)
		time.Sleep(10 * time.Minute)
		want(t, c, "Authorization: Bearer token-1")
		p.log.want(t, "info")
		if p.ready() != "" {
			t.Errorf("unready by %q", p.ready())
		}
	})
}

// TestATokenIsRenewedAheadOfItsEnd holds that nobody ever waits for one: through a day
// the shown token is never one that ends within three minutes.
func TestATokenIsRenewedAheadOfItsEnd(t *testing.T) {
	in(t, func(p *place) {
		p.cloud.Identity.Life = time.Hour
		c := p.open(p.identity())
		born := map[string]time.Time{}
		for range 24 * 60 {
			line := string(c.Shown().Line)
			if _, known := born[line]; !known {
				born[line] = time.Now()
			}
			if age := time.Since(born[line]); age > 57*time.Minute || !strings.HasPrefix(line, "Authorization: Bearer token-") {
				t.Fatalf("%q is shown %v after it came", line, age)
			}
			time.Sleep(time.Minute)
			synctest.Wait()
		}
		if len(born) < 24 || len(born) > 27 {
			t.Errorf("%d tokens in a day", len(born))
		}
		p.log.want(t)
	})
}

// TestAnEndedTokenIsNotShown holds an outage that lasts longer than a token.
func TestAnEndedTokenIsNotShown(t *testing.T) {
	in(t, func(p *place) {
		c := p.open(p.identity())
		p.cloud.Identity.Hang(true)
		time.Sleep(59 * time.Minute)
		want(t, c, "Authorization: Bearer token-1")
		p.log.want(t, "warn")
		time.Sleep(2 * time.Minute)
		want(t, c, "")
		p.log.want(t, "error")
		if p.ready() != "" || len(p.health.Notes()) != 1 {
			t.Errorf("unready by %q, notes %q", p.ready(), p.health.Notes())
		}
	})
}

// TestWhatChangesElsewhereKeepsTheValue holds that a reload asks nobody again, and that
// nobody is asked for what no upstream has any more.
func TestWhatChangesElsewhereKeepsTheValue(t *testing.T) {
	in(t, func(p *place) {
		p.cloud.Vault.Set("aoai", azuretest.Secret{Value: "s3cret-one"})
		_, stop, err := p.Open("east", complete(config.Auth{Value: aoai}))
		testkit.Must(t, err)
		synctest.Wait()
		asked := p.cloud.Vault.Asked.Load()
		next, stopNext, err := p.Open("east", complete(config.Auth{Header: "x-key", Value: aoai}))
		if err != nil || string(next.Shown().Line) != "x-key: s3cret-one\r\n" {
			t.Errorf("the next one shows %q at once (%v)", next.Shown().Line, err)
		}
		stop()
		stop()
		time.Sleep(lookAtVault)
		if n := p.cloud.Vault.Asked.Load(); n != asked+1 {
			t.Errorf("asked %d times more, want once", n-asked)
		}
		stopNext()
		time.Sleep(time.Hour)
		if n := p.cloud.Vault.Asked.Load(); n != asked+1 {
			t.Errorf("asked %d times for nobody", n-asked-1)
		}
	})
}

func TestWhatThisMachineHasIsThereAtOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	write := func(text string) {
		testkit.Write(t, file, text)
	}
	write("s3cret-one\n")
	t.Setenv("KEY", "s3cret-env")
	in(t, func(p *place) {
		c, stop, err := p.Open("east", complete(config.Auth{Value: "file:" + file, Secondary: "env:KEY"}))
		if err != nil || string(c.Shown().Line) != "api-key: s3cret-one\r\n" || !c.Shown().Spare() {
			t.Fatalf("shown is %q at once (%v)", c.Shown().Line, err)
		}
		write("s3cret-two")
		time.Sleep(2 * lookAtFile)
		want(t, c, "api-key: s3cret-two")
		write("s3cret\r\nX-Forged: 1")
		time.Sleep(2 * lookAtFile)
		want(t, c, "api-key: s3cret-two")
		p.log.want(t, "warn")
		stop()
		for _, ref := range []string{"env:NOT_SET", "file:" + file} {
			if c, _, err := p.Open("east", complete(config.Auth{Value: ref})); err == nil {
				t.Errorf("%s: %q is shown", ref, c.Shown().Line)
			}
		}
		if p.asked != 0 {
			t.Error("the platform was made for nothing")
		}
	})
}

// TestASecondKeyInUseIsAnAlarm holds what is told of it, and that the first key is asked
// for soon, because it may have been replaced.
func TestASecondKeyInUseIsAnAlarm(t *testing.T) {
	t.Setenv("KEY2", "s3cret-second")
	in(t, func(p *place) {
		p.cloud.Vault.Set("aoai", azuretest.Secret{Value: "s3cret-one"})
		c := p.open(config.Auth{Value: aoai, Secondary: "env:KEY2"})
		p.cloud.Vault.Set("aoai", azuretest.Secret{Value: "s3cret-two"})
		if !c.Refused(c.Shown()) {
			t.Error("no second key")
		}
		c.Accepted(c.Shown())
		want(t, c, "api-key: s3cret-second")
		if said := p.log.String(); !strings.Contains(said, `"refused":"`+aoai+`","in_use":"env:KEY2"`) {
			t.Errorf("the log says %s", said)
		}
		p.log.want(t, "error")
		p.wantMetric(`apim_edge_upstream_credential_secondary_in_use{upstream="east"}`, 1)
		p.wantMetric(`apim_edge_upstream_credential_refused_total{key="value",upstream="east"}`, 1)
		time.Sleep(time.Minute)
		want(t, c, "api-key: s3cret-two")
		p.wantMetric(`apim_edge_upstream_credential_secondary_in_use{upstream="east"}`, 0)
	})
}

func (p *place) wantMetric(series string, want float64) {
	p.t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(p.Ring)
	families, err := registry.Gather()
	testkit.Must(p.t, err)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			if name := family.GetName() + "{" + strings.Join(labels, ",") + "}"; name == series {
				if got := m.GetGauge().GetValue() + m.GetCounter().GetValue(); got != want {
					p.t.Errorf("%s is %v, want %v", series, got, want)
				}
				return
			}
		}
	}
	p.t.Errorf("no series %s", series)
}

func TestTheMetricsOfAToken(t *testing.T) {
	in(t, func(p *place) {
		p.open(p.identity())
		const labels = `{key="managed_identity",upstream="east"}`
		end := time.Now().Add(time.Hour).Unix()
		got := time.Now().Unix()
		time.Sleep(10 * time.Second)
		p.wantMetric("apim_edge_upstream_credential_usable"+labels, 1)
		p.wantMetric("apim_edge_upstream_credential_got_timestamp_seconds"+labels, float64(got))
		p.wantMetric("apim_edge_upstream_credential_expires_timestamp_seconds"+labels, float64(end))
		p.wantMetric("apim_edge_upstream_credential_fetch_failures_total"+labels, 0)
		p.cloud.Identity.Hang(true)
		time.Sleep(2 * time.Hour)
		p.wantMetric("apim_edge_upstream_credential_usable"+labels, 0)
	})
}

// TestAVaultedValueElsewhere holds what admin.token and the like get: whoever asks first
// waits for the first answer, and nobody after that.
func TestAVaultedValueElsewhere(t *testing.T) {
	in(t, func(p *place) {
		stop := secret.UseVaults(p.Current)
		defer stop()
		p.cloud.Vault.Set("admin", azuretest.Secret{Value: "s3cret-admin"})
		source, err := secret.Parse("keyvault:https://contoso.vault.azure.net/secrets/admin")
		testkit.Must(t, err)
		for _, status := range []int{0, 503} {
			p.cloud.Vault.Fail(status)
			time.Sleep(lookAtVault)
			if value, err := source.Current(); err != nil || value.Reveal() != "s3cret-admin" {
				t.Errorf("the vault answers %d: %q, %v", status, value.Reveal(), err)
			}
		}
		missing, err := secret.Parse("keyvault:https://contoso.vault.azure.net/secrets/missing")
		testkit.Must(t, err)
		p.cloud.Vault.Fail(0)
		if _, err := missing.Current(); err == nil || !strings.Contains(err.Error(), "404 (SecretNotFound)") {
			t.Errorf("the error is %v", err)
		}
	})
}

// TestWhatASourceAnswersInOneLine holds what check --online prints.
func TestWhatASourceAnswersInOneLine(t *testing.T) {
	t.Setenv("KEY", "s3cret")
	in(t, func(p *place) {
		p.cloud.Vault.Set("aoai", azuretest.Secret{Value: "s3cret"})
		ask := func(a config.Auth) string {
			return fmt.Sprint(Ask(p.t.Context(), p.platform(), complete(a)))
		}
		if got := ask(config.Auth{Value: aoai, Secondary: "env:KEY"}); got != "[{"+aoai+" it answers <nil>} {env:KEY it answers <nil>}]" {
			t.Errorf("got %s", got)
		}
		if got := ask(p.identity()); !strings.Contains(got, "a token until 2000-01-01T01:00:") {
			t.Errorf("got %s", got)
		}
		if got := ask(config.Auth{Value: aoai + "x"}); !strings.Contains(got, "404 (SecretNotFound)") {
			t.Errorf("got %s", got)
		}
		p.cloud.Identity.Hang(true)
		ctx, cancel := context.WithTimeout(p.t.Context(), time.Second)
		defer cancel()
		if got := Ask(ctx, p.platform(), complete(config.Auth{ManagedIdentity: config.ManagedIdentity{Resource: "https://other", ClientID: p.id}})); got[0].Err == nil {
			t.Errorf("got %v", got)
		}
	})
}
