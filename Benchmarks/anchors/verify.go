// Verifies an RS256 access token with Go's standard library alone and answers the same bytes to everybody.
// Usage: verify SETTING.json (see harness/anchors.py)
package main

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"log"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

type setting struct {
	Port, Loops                     int
	Public, Issuer, Audience, Body  string
	Fields                          [][2]string
}

type claims struct {
	Expiry   int64    `json:"exp"`
	Issuer   string   `json:"iss"`
	Audience []string `json:"aud"`
	User     string   `json:"preferred_username"`
}

func verify(key *rsa.PublicKey, s *setting, token string) bool {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return false
	}
	head, err := base64.RawURLEncoding.DecodeString(parts[0])
	var header struct {
		Algorithm string `json:"alg"`
	}
	if err != nil || json.Unmarshal(head, &header) != nil || header.Algorithm != "RS256" {
		return false
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return false
	}
	digest := sha256.Sum256([]byte(token[:len(parts[0])+1+len(parts[1])]))
	if rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) != nil {
		return false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	var c claims
	if err != nil || json.Unmarshal(payload, &c) != nil {
		return false
	}
	if c.Issuer != s.Issuer || c.Expiry <= time.Now().Unix() || c.User == "" {
		return false
	}
	for _, audience := range c.Audience {
		if audience == s.Audience {
			return true
		}
	}
	return false
}

func main() {
	text, err := os.ReadFile(os.Args[1])
	var s setting
	if err != nil || json.Unmarshal(text, &s) != nil {
		log.Fatal("no setting")
	}
	public, err := os.ReadFile(s.Public)
	if err != nil {
		log.Fatal(err)
	}
	block, _ := pem.Decode(public)
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		log.Fatal(err)
	}
	key := parsed.(*rsa.PublicKey)
	body, err := os.ReadFile(s.Body)
	if err != nil {
		log.Fatal(err)
	}
	runtime.GOMAXPROCS(s.Loops)
	length := strconv.Itoa(len(body))
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !found || !verify(key, &s, token) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		header := w.Header()
		for _, field := range s.Fields {
			header.Set(field[0], field[1])
		}
		header.Set("Content-Length", length)
		w.Write(body)
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+strconv.Itoa(s.Port), nil))
}
