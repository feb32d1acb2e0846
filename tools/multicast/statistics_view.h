#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "protocols/multicast/receiver.h"

/// What a Receiver has counted, for programs and for people.
namespace sluice::tools {

/// A line of JSON for each group, and one for each of its sources. `time`: seconds since 1970.
///
///     {"time":…,"group":"239.1.1.1:5007","source":null,"datagrams":…,"bytes":…,"per_second":…,
///      "bytes_per_second":…,"sources":…,"forgotten":…,"dropped":…,"lost":…,"lost_on_the_way":…,
///      "final":false}
///     {"time":…,"group":"239.1.1.1:5007","source":"10.0.0.1:4711","datagrams":…,"bytes":…,
///      "per_second":…,"bytes_per_second":…,"numbered":null,"final":false}
///
/// `dropped`: by the kernel here, for want of room. Of a sender that numbers its datagrams
/// `numbered` is {"received","lost","reordered","duplicates","restarts","jitter_ms",
/// "delay_ms":{"min","mean","max"}}; the delay means something when both clocks agree.
std::string statistics_json(multicast::Receiver& receiver, double time, bool final);

/// The same as a table, a line each, at most `rows` of them and `columns` wide; each ends in a
/// newline.
std::string statistics_table(multicast::Receiver& receiver, std::size_t rows, std::size_t columns);

}  // namespace sluice::tools
