package debian

import (
	"bytes"
	"crypto/sha1"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf16"
)

// certificatesFolder has the certificates of authorities. What trusts them reads the bundle, or finds one by the hash of its
// subject: update-ca-certificates(8), openssl-rehash(1).
const (
	certificatesFolder = "usr/share/ca-certificates"
	trustedFolder      = "etc/ssl/certs"
	bundleName         = "ca-certificates.crt"
)

// certificates writes what update-ca-certificates does.
func (w *systemWriter) certificates() error {
	var names []string
	for name := range w.kept {
		if strings.HasPrefix(name, certificatesFolder+"/") && strings.HasSuffix(name, ".crt") {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	if err := w.folders(trustedFolder); err != nil {
		return err
	}
	var bundle bytes.Buffer
	for _, name := range names {
		text := w.kept[name]
		bundle.Write(text)
		own := strings.TrimSuffix(path.Base(name), ".crt") + ".pem"
		if err := w.link(path.Join(trustedFolder, own), "/"+name); err != nil {
			return err
		}
		hash, ok := subjectHash(text)
		if !ok {
			continue
		}
		n := 0
		for w.written[fmt.Sprintf("%s/%s.%d", trustedFolder, hash, n)] {
			n++
		}
		if err := w.link(fmt.Sprintf("%s/%s.%d", trustedFolder, hash, n), own); err != nil {
			return err
		}
	}
	return w.file(path.Join(trustedFolder, bundleName), 0o644, 0, bundle.Bytes())
}

// subjectHash is the name by which OpenSSL 1.0 and later find a certificate: X509_NAME_hash_ex(3).
func subjectHash(text []byte) (string, bool) {
	block, _ := pem.Decode(text)
	if block == nil {
		return "", false
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", false
	}
	canonical, err := canonicalName(certificate.RawSubject)
	if err != nil {
		return "", false
	}
	sum := sha1.Sum(canonical)
	return fmt.Sprintf("%08x", binary.LittleEndian.Uint32(sum[:4])), true
}

type attribute struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue
}

type attributeSET []attribute

// canonicalName is a name in OpenSSL's canonical form: texts in UTF-8 and lower case with single spaces, without the
// outermost header (x509_name_canon in crypto/x509/x_name.c).
func canonicalName(der []byte) ([]byte, error) {
	var name []attributeSET
	if _, err := asn1.Unmarshal(der, &name); err != nil {
		return nil, err
	}
	var out []byte
	for _, set := range name {
		for i := range set {
			if text, ok := textOf(set[i].Value); ok {
				canonical := strings.Map(lower, strings.Join(strings.FieldsFunc(text, isSpace), " "))
				set[i].Value = asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte(canonical)}
			}
		}
		encoded, err := asn1.Marshal(set)
		if err != nil {
			return nil, err
		}
		out = append(out, encoded...)
	}
	return out, nil
}

// lower changes letters of ASCII only, as OpenSSL does.
func lower(r rune) rune {
	if r >= 'A' && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}

func isSpace(r rune) bool { return r == ' ' || r >= '\t' && r <= '\r' }

// textOf gives the value of an attribute that is text.
func textOf(v asn1.RawValue) (string, bool) {
	switch v.Tag {
	case asn1.TagUTF8String, asn1.TagPrintableString, asn1.TagIA5String:
		return string(v.Bytes), true
	case asn1.TagT61String:
		runes := make([]rune, len(v.Bytes))
		for i, b := range v.Bytes {
			runes[i] = rune(b)
		}
		return string(runes), true
	case asn1.TagBMPString:
		units := make([]uint16, len(v.Bytes)/2)
		for i := range units {
			units[i] = binary.BigEndian.Uint16(v.Bytes[2*i:])
		}
		return string(utf16.Decode(units)), true
	}
	return "", false
}
