#include "protocols/video/video_figures.h"

#include <utility>

#include "protocols/http/escape.h"
#include "reactor/text.h"

namespace sluice::video {
namespace {

std::string source_json(const FrameHub& hub) {
  const Frame& frame = hub.latest();
  return concat("{\"name\":\"", http::json_escaped(hub.source().name()), "\",\"encoding\":\"",
                encoding_name(hub.encoding()), "\",\"width\":", frame.width,
                ",\"height\":", frame.height, ",\"fps\":", Decimal::of(hub.rate(), 1),
                ",\"frames\":", hub.frames(), ",\"lost\":", hub.source().lost(), ",\"trouble\":\"",
                http::json_escaped(hub.trouble()), "\"}");
}

}  // namespace

std::string_view encoding_name(Encoding encoding) {
  switch (encoding) {
    case Encoding::jpeg:
      return "jpeg";
    case Encoding::bgr:
      return "bgr";
    case Encoding::yuyv:
      return "yuyv";
  }
  return "";
}

void VideoFigures::add_source(const FrameHub& hub) {
  sources_.push_back(&hub);
}

void VideoFigures::add_form(std::string name, Ask ask) {
  forms_.push_back({std::move(name), std::move(ask)});
}

void VideoFigures::write_metrics(http::MetricsText& text) {
  constexpr struct {
    std::string_view name, type, help;
    std::uint64_t (*value)(const FrameHub& hub);
  } kOfSources[] = {
      {"sluice_video_up", "gauge", "Whether the source of the video is well.",
       [](const FrameHub& hub) -> std::uint64_t { return hub.trouble().empty() ? 1 : 0; }},
      {"sluice_video_frames_total", "counter", "Frames that came from the source.",
       [](const FrameHub& hub) { return hub.frames(); }},
      {"sluice_video_source_lost_total", "counter", "Frames that the source threw away.",
       [](const FrameHub& hub) { return hub.source().lost(); }},
  };
  constexpr struct {
    std::string_view name, type, help;
    std::uint64_t Form::* value;
  } kOfForms[] = {
      {"sluice_video_viewers", "gauge", "Who gets the video now.", &Form::viewers},
      {"sluice_video_frames_sent_total", "counter", "Frames sent, to all viewers together.",
       &Form::sent},
      {"sluice_video_frames_skipped_total", "counter", "Frames that viewers were too slow for.",
       &Form::skipped},
  };
  for (const auto& figure : kOfSources) {
    text.head(figure.name, figure.type, figure.help);
    for (const FrameHub* hub : sources_) {
      text.sample(figure.name, "encoding", encoding_name(hub->encoding()), figure.value(*hub));
    }
  }
  for (const auto& figure : kOfForms) {
    text.head(figure.name, figure.type, figure.help);
    for (Named& form : forms_) {
      text.sample(figure.name, "format", form.name, form.ask().*figure.value);
    }
  }
}

std::string VideoFigures::json() {
  std::string text = "\"sources\":[";
  const char* comma = "";
  for (const FrameHub* hub : sources_) {
    text += concat(std::exchange(comma, ","), source_json(*hub));
  }
  text += "],\"formats\":[";
  comma = "";
  for (Named& form : forms_) {
    const Form now = form.ask();
    text += concat(std::exchange(comma, ","), "{\"name\":\"", http::json_escaped(form.name),
                   "\",\"viewers\":", now.viewers, ",\"sent\":", now.sent,
                   ",\"skipped\":", now.skipped, '}');
  }
  return text + ']';
}

std::string VideoFigures::sentence() {
  const FrameHub& hub = *sources_.front();
  if (const std::string_view trouble = hub.trouble(); !trouble.empty()) return std::string(trouble);
  Form all;
  for (Named& form : forms_) {
    const Form now = form.ask();
    all.viewers += now.viewers;
    all.skipped += now.skipped;
  }
  std::string text = hub.source().name();
  const Frame& frame = hub.latest();
  if (frame.number != 0) text += concat(", ", frame.width, 'x', frame.height);
  return text + concat(", ", Decimal::of(hub.rate(), 1), " frames a second, ", all.viewers,
                       all.viewers == 1 ? " viewer, " : " viewers, ", all.skipped,
                       " frames skipped for the slow");
}

}  // namespace sluice::video
