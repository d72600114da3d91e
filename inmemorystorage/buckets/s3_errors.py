"""The errors of S3."""

from __future__ import annotations

from xml.etree import ElementTree

from ..exceptions import UnsupportedRequest
from .http import Response
from .xml import element, parse_document, xml_response

XMLNS = "http://s3.amazonaws.com/doc/2006-03-01/"
REQUEST_ID = "0000000000000000"

# "Error responses", "List of error codes".
ERRORS = {
    "AccessDenied": (403, "Access Denied"),
    "AuthorizationHeaderMalformed": (400, "The authorization header is malformed."),
    "AuthorizationQueryParametersError": (400, "The parameters of the signature are invalid."),
    "BadDigest": (400, "The Content-MD5 or checksum value that you specified did not match what "
                  "the server received."),
    "BucketAlreadyOwnedByYou": (409, "The bucket that you tried to create already exists, and you "
                                "own it."),
    "BucketNotEmpty": (409, "The bucket that you tried to delete is not empty"),
    "EntityTooLarge": (400, "Your proposed upload exceeds the maximum allowed size"),
    "EntityTooSmall": (400, "Your proposed upload is smaller than the minimum allowed size"),
    "IncompleteBody": (400, "The request body terminated unexpectedly"),
    "InternalError": (500, "We encountered an internal error. Please try again."),
    "InvalidArgument": (400, "Invalid Argument"),
    "InvalidBucketName": (400, "The specified bucket is not valid."),
    "InvalidDigest": (400, "The Content-MD5 you specified was invalid."),
    "InvalidObjectState": (403, "The operation is not valid for the current state of the object."),
    "InvalidPart": (400, "One or more of the specified parts could not be found.  The part may not "
                    "have been uploaded, or the specified entity tag may not match the part's "
                    "entity tag."),
    "InvalidPartOrder": (400, "The list of parts was not in ascending order. Parts must be ordered "
                         "by part number."),
    "InvalidPolicyDocument": (400, "Invalid Policy."),
    "InvalidPartNumber": (416, "The requested partnumber is not satisfiable"),
    "InvalidRange": (416, "The requested range is not satisfiable"),
    "InvalidRequest": (400, "Invalid Request"),
    "InvalidStorageClass": (400, "The storage class you specified is not valid"),
    "InvalidTag": (400, "The tag provided was not a valid tag."),
    "KeyTooLongError": (400, "Your key is too long"),
    "MalformedACLError": (400, "The XML you provided was not well-formed or did not validate "
                          "against our published schema"),
    "MalformedPOSTRequest": (400, "The body of your POST request is not well-formed "
                             "multipart/form-data."),
    "MalformedXML": (400, "The XML you provided was not well-formed or did not validate against "
                     "our published schema"),
    "MetadataTooLarge": (400, "Your metadata headers exceed the maximum allowed metadata size"),
    "NoSuchBucket": (404, "The specified bucket does not exist"),
    "NoSuchBucketPolicy": (404, "The bucket policy does not exist"),
    "NoSuchKey": (404, "The specified key does not exist."),
    "NoSuchLifecycleConfiguration": (404, "The lifecycle configuration does not exist"),
    "NoSuchTagSet": (404, "The TagSet does not exist"),
    "NoSuchUpload": (404, "The specified upload does not exist. The upload ID may be invalid, or "
                     "the upload may have been aborted or completed."),
    "NotImplemented": (501, "A header you provided implies functionality that is not implemented"),
    "PreconditionFailed": (412, "At least one of the pre-conditions you specified did not hold"),
    "SlowDown": (503, "Please reduce your request rate."),
    "SignatureDoesNotMatch": (403, "The request signature we calculated does not match the "
                              "signature you provided. Check your key and signing method."),
    "XAmzContentSHA256Mismatch": (400, "The provided 'x-amz-content-sha256' header does not match "
                                  "what was computed."),
}  # fmt: skip


class S3Error(Exception):
    """
    An error that S3 sends, by its code; ``details`` become elements of its XML.

    :param message: replaces the usual one.
    """

    def __init__(self, code: str, message: str = "", **details: object) -> None:
        self.code = code
        self.status, usual = ERRORS[code]
        self.message = message or usual
        self.details = details
        super().__init__(code, self.message)

    def response(self, resource: str = "") -> Response:
        """
        Return the response, as "Error responses", "REST error responses" describes it.

        :param resource: the path of the bucket or object, if it is known.
        """
        details = self.details | ({"Resource": resource} if resource else {})
        body = element(
            "Error",
            element("Code", self.code),
            element("Message", self.message),
            *(element(name, value) for name, value in details.items()),
            element("RequestId", REQUEST_ID),
        )
        return xml_response(body, self.status)


def parse_xml(body: bytes) -> ElementTree.Element:
    """Return a document without namespaces; raise `S3Error` for anything else."""
    try:
        return parse_document(body)
    except ElementTree.ParseError:
        raise S3Error("MalformedXML") from None


def unsupported(what: str) -> UnsupportedRequest:
    """Return the error for a request that is not answered."""
    return UnsupportedRequest(
        f"Buckets in memory do not answer {what}. Use moto (moto.mock_aws) in this test."
    )
