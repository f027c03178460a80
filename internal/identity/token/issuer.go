package token

import (
	"slices"
	"strings"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/identity/keyset"
)

// unavailable: the issuer is one of the policy's and has never been reached.
func unavailable(c Check) *Refusal {
	return &Refusal{Code: edgeerr.KeysUnavailable, Check: c, Text: edgeerr.KeysUnavailable.Meaning()}
}

// issuer finds the sets whose keys may have signed. iss is compared as a whole, with
// what the policy and its metadata say, and never becomes a URL (CVE-2026-32301,
// CVE-2024-53861).
func (x *examination) issuer() *Refusal {
	iss, ok := x.claims.text("iss")
	if !ok {
		return refuse(Issuer, "the token has no iss that is a text")
	}
	switch x.p.Options.TenantID {
	case "":
		return x.otherIssuer(iss)
	case organizations:
		return x.anyTenant(iss)
	}
	return x.oneTenant(iss)
}

func (x *examination) oneTenant(iss string) *Refusal {
	tenant := x.p.Options.TenantID
	switch iss {
	case x.p.cloud.issuer1(tenant):
		return x.use(0)
	case x.p.cloud.issuer2(tenant):
		return x.use(1)
	}
	return refuse(Issuer, "the token is not of the tenant "+tenant+" (iss)")
}

// anyTenant has iss follow from tid. Whose tokens a key signs stands beside the key, and
// is looked at with the key.
func (x *examination) anyTenant(iss string) *Refusal {
	tenant, _ := x.claims.text("tid")
	switch {
	case !isGUID(tenant) || iss != x.p.cloud.issuer1(tenant) && iss != x.p.cloud.issuer2(tenant):
		return refuse(Issuer, "the token is not of an Entra tenant of this cloud (iss, tid)")
	case tenant == consumers:
		return refuse(Issuer, "the token is of a personal account; one of an organization is wanted")
	case len(x.p.Options.Tenants) > 0 && !contains(x.p.Options.Tenants, tenant):
		return refuse(Issuer, "the token's tenant (tid) is not one of tenants")
	}
	x.tenant = tenant
	return x.use(0)
}

// otherIssuer takes the sets whose metadata says iss. A single metadata is also good for
// what issuers say; keys without metadata are those of every issuer that is named.
func (x *examination) otherIssuer(iss string) *Refusal {
	o := x.p.Options
	if len(o.Issuers) > 0 && !contains(o.Issuers, iss) {
		return refuse(Issuer, "the issuer of the token (iss) is not one of: "+wanted(o.Issuers))
	}
	missing := false
	for i := range o.OpenIDConfigs {
		s := x.set(i)
		switch {
		case s == nil:
			missing = true
		case s.Issuer == iss, len(o.Issuers) > 0 && len(o.OpenIDConfigs) == 1:
			x.take(i, s)
		}
	}
	for i := len(o.OpenIDConfigs); i < len(o.OpenIDConfigs)+len(o.SigningKeys); i++ {
		if s := x.set(i); s != nil {
			x.take(i, s)
		} else {
			missing = true
		}
	}
	switch {
	case len(x.sets) > 0:
		x.missing = missing
		return nil
	case missing:
		return unavailable(Issuer)
	}
	return refuse(Issuer, "the issuer of the token (iss) is not one that openid_configs lead to")
}

// set returns the i-th set, or nil where it has never been had.
func (x *examination) set(i int) *keyset.Set {
	if i < len(x.available) {
		return x.available[i]
	}
	return nil
}

func (x *examination) use(i int) *Refusal {
	s := x.set(i)
	if s == nil {
		return unavailable(Issuer)
	}
	x.take(i, s)
	return nil
}

// take has the key looked for in the i-th set.
func (x *examination) take(i int, s *keyset.Set) {
	x.sets, x.places = append(x.sets, s), append(x.places, i)
}

// key finds the keys, of the token's issuer only (CVE-2026-49998).
func (x *examination) key() *Refusal {
	known := false
	for _, s := range x.sets {
		known = known || s.Has(x.kid)
		for _, k := range s.Find(x.kid, x.alg) {
			if x.ofIssuer(k) {
				x.keys = append(x.keys, k)
			}
		}
	}
	switch {
	case len(x.keys) > 0:
		return nil
	case x.missing:
		return unavailable(Key)
	case x.kid == "":
		return refuse(Key, "the token's header has no kid, which names the key of the issuer")
	case !known:
		r := refuse(Key, "the issuer has no key with the kid of the token")
		r.Unknown = &UnknownKey{ID: x.kid, Places: x.places}
		return r
	}
	return refuse(Key, "the key that the token names is not for signatures of this kind, or not of this issuer")
}

// ofIssuer reports whether a key may sign for the token's tenant. The issuer beside the
// key is that of version 2, also where the token is of version 1.
func (x *examination) ofIssuer(k *keyset.Key) bool {
	if x.p.Options.TenantID == "" {
		return true // what stands beside it has no meaning for others
	}
	tenant := x.p.Options.TenantID
	if x.tenant != "" {
		tenant = x.tenant
	}
	if k.Issuer == "" {
		return x.tenant == "" // a document of one tenant need not repeat whose it is
	}
	is := ofTenant(k.Issuer, tenant)
	return slices.ContainsFunc([]string{x.p.cloud.issuer1(tenant), x.p.cloud.issuer2(tenant)}, func(want string) bool {
		return strings.EqualFold(is, want)
	})
}
