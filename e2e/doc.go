// Package e2e proves apim-edge on real parts: the built binary between real
// SDKs, or a real browser, and the legacy APIM look-alike. One file per topic;
// README.md tells which test holds which promise. It needs what ./install
// installs, and the build tag:
//
//	e2e/install && go test -tags e2e -count 1 ./e2e
//
// An SDK is driven by a script in sdk/ that runs named cases and prints one
// JSON line for each. A case carries its name in the field x-e2e-case, so that
// what reached the look-alike can be laid beside what the SDK saw. A script
// that crashes, skips a case or runs one too many fails the test.
package e2e
