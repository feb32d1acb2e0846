#include "protocols/tftp/failure.h"

#include "protocols/tftp/ended.h"
#include "reactor/printable.h"
#include "reactor/text.h"

namespace sluice::tftp {

ErrorCode code_for(const Error& error) {
  switch (error.code) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
      return ErrorCode::not_found;
    case EACCES:
    case EPERM:
    case EROFS:
    case EISDIR:
    case EINVAL:
    case ELOOP:
      return ErrorCode::access;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return ErrorCode::disk_full;
    case EEXIST:
      return ErrorCode::exists;
    default:
      return ErrorCode::undefined;
  }
}

std::string text_for(const Error& error, std::string_view subject) {
  std::string text;
  switch (error.code) {
    case ENOENT:
    case ENOTDIR:
      text = "no such file";
      break;
    case EISDIR:
      text = "this is a directory";
      break;
    case EINVAL:
      text = "not a regular file";
      break;
    case EEXIST:
      text = "a file of that name exists";
      break;
    case EFBIG:
      text = "larger than files may be here";
      break;
    default:
      text = std::strerror(error.code);
  }
  return subject.empty() ? text : concat(text, ": ", printable(subject));
}

std::string Ended::sentence() const {
  switch (kind) {
    case Kind::whole:
      return "whole";
    case Kind::refused:
      return concat(text.empty() ? "an error without a text" : text, " (", code, ')');
    case Kind::silent:
      return "the other side does not answer";
    case Kind::unreachable:
      return concat("the other side is not there: ", std::strerror(error.code),
                    text.empty() ? "" : "; ", text);
    case Kind::local:
      return error.message();
    case Kind::nonsense:
      return concat("the other side does not keep to the protocol: ", text);
    case Kind::aborted:
      return "aborted";
  }
  return {};
}

}  // namespace sluice::tftp
