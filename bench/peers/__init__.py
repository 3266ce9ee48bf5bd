# SPDX-License-Identifier: Apache-2.0
"""The servers Mailstead is compared with, from Debian 12."""


def all_peers():
    from peers.cyrus import PostfixCyrus
    from peers.dovecot import PostfixDovecot
    from peers.exim import Exim
    from peers.opensmtpd import OpenSmtpd
    return [PostfixDovecot("maildir"), PostfixDovecot("sdbox"), Exim(), OpenSmtpd(), PostfixCyrus()]
