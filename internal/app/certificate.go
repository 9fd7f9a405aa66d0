// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	// certificateLife is short enough for every client; a new certificate is
	// made when less than certificateRest is left at a start.
	certificateLife = 800 * 24 * time.Hour
	certificateRest = 30 * 24 * time.Hour
)

// ownCertificate returns the certificate of the data folder, which it makes
// on first use and when the old one does not fit the host any more. It is its
// own authority: clients trust the file.
func ownCertificate(dir, host string) (cert tls.Certificate, file string, err error) {
	file, keyFile := filepath.Join(dir, "api-certificate.pem"), filepath.Join(dir, "api-key.pem")
	if info, err := os.Stat(keyFile); err == nil && info.Mode().Perm()&0o077 != 0 {
		return cert, file, fmt.Errorf("the key %s can be read by others: remove it and the certificate to have new ones made, or chmod it to 600", keyFile)
	}
	cert, err = tls.LoadX509KeyPair(file, keyFile)
	if err == nil && serves(cert.Leaf, host) {
		return cert, file, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return cert, file, fmt.Errorf("cannot use the certificate in %s: remove it and its key to have new ones made: %w", file, err)
	}
	if err := makeCertificate(file, keyFile, host); err != nil {
		return cert, file, fmt.Errorf("cannot make a certificate in %s: %w", dir, err)
	}
	cert, err = tls.LoadX509KeyPair(file, keyFile)
	return cert, file, err
}

func serves(leaf *x509.Certificate, host string) bool {
	return leaf.VerifyHostname(host) == nil && time.Until(leaf.NotAfter) > certificateRest
}

func makeCertificate(file, keyFile, host string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "keepstore standalone"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(certificateLife),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA:        true, BasicConstraintsValid: true, MaxPathLenZero: true,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = append(template.IPAddresses, ip)
	} else if host != "localhost" {
		template.DNSNames = append(template.DNSNames, host)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	// The certificate comes last: without it, both are made again.
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := writePEM(keyFile, "PRIVATE KEY", pkcs8, 0o600); err != nil {
		return err
	}
	return writePEM(file, "CERTIFICATE", der, 0o644)
}

func writePEM(path, kind string, der []byte, mode os.FileMode) error {
	return writeWhole(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode)
}

// writeWhole writes a file under another name first, so that nobody reads half.
func writeWhole(path string, text []byte, mode os.FileMode) error {
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}
