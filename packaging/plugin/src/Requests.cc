#include "Pairs.h"
#include "Tracker.h"

#include <algorithm>
#include <string>

namespace beacons {

namespace {

// What the pair with a server and the path of a URI is called; none where the URI has no path.
StringValPtr at_stem(const StringValPtr& server, const ValPtr& uri) {
    auto text = view(uri->AsString());
    if ( text.empty() || text[0] != '/' )
        return nullptr;
    auto name = server->ToStdString().append(text.substr(0, text.find_first_of("?#")));
    auto is_printable = [](char c) { return c >= '\x21' && c <= '\x7e'; };
    if ( name.size() > longest_name || ! std::all_of(name.begin(), name.end(), is_printable) )
        return cast_intrusive<StringVal>(scripts().at_stem(server, uri));
    return make_intrusive<StringVal>(name);
}

// How many other paths of a site are known, for the pairs with the path and with the server; none where they are not.
struct OtherPaths {
    ValPtr of_path, of_server;
};

OtherPaths other_paths(const ValPtr& client, const StringValPtr& server, const StringValPtr& path) {
    auto& z = scripts();
    const auto& f = z.http;
    const auto& known = z.site_paths.Table()->Find(index(client, domain_of(server)));
    auto site = known ? known->AsRecordVal() : nullptr;
    auto own = site ? f.hosts.Get(site)->AsTableVal()->Find(server) : nullptr;
    if ( ! own ) {
        auto found = z.find_other_paths(client, server, path ? path : z.empty);
        auto both = found->AsVectorVal();
        return both->Size() == 0 ? OtherPaths{} : OtherPaths{both->ValAt(0), both->ValAt(1)};
    }
    auto remembered = own->AsTableVal();
    if ( path && static_cast<zeek_uint_t>(remembered->Size()) < z.most_paths.Count() && ! remembered->Find(path) ) {
        remembered->Assign(path, nullptr);
        f.paths.Add(site);
    }
    auto paths = f.paths.Count(site);
    return {val_mgr->Count(paths > 0 ? paths - 1 : 0), val_mgr->Count(paths - remembered->Size())};
}

} // namespace

bool take_request(RecordVal* rec) {
    auto& z = scripts();
    const auto& f = z.http;
    auto id = f.id.Record(rec);
    // A proxy is asked for a tunnel, or for what lies elsewhere.
    if ( ! z.http_is_tracked.Bool() || ! f.host.In(rec) || ! is_in_order(f.host.Text(rec)) || ! is_wanted(id) ||
         (f.method.In(rec) && view(f.method.Text(rec)) == "CONNECT") ||
         (f.uri.In(rec) && view(f.uri.Text(rec)).substr(0, 10).find("://") != std::string_view::npos) )
        return false;

    auto server = cast_intrusive<StringVal>(f.host.Get(rec));
    Seen s;
    s.orig_h = z.id.orig_h.Get(id);
    auto path = f.uri.In(rec) ? at_stem(server, f.uri.Get(rec)) : nullptr;
    auto others = other_paths(s.orig_h, server, path);
    if ( f.trans_depth.Count(rec) < 2 )
        return true;

    s.orig_p = z.id.orig_p.Get(id);
    s.resp_h = z.id.resp_h.Get(id);
    s.resp_p = z.id.resp_p.Get(id);
    s.uid = f.uid.Get(rec);
    s.name = std::move(server);
    s.service = s.channel = z.http_channel;
    s.start = f.ts.Double(rec);
    s.orig_bytes = f.request_body_len.Count(rec);
    s.resp_bytes = f.response_body_len.Count(rec);
    s.state = f.status_code.In(rec) ? z.answered : z.open;
    s.carried = path;
    s.other_paths = others.of_server;
    track_at(place_in(z.place_by_channel, index(s.orig_h, s.name, s.resp_p, s.channel)), s, true);
    if ( ! path )
        return true;

    s.carried = nullptr;
    s.name = std::move(path);
    s.other_paths = others.of_path;
    track_at(place_in(z.place_by_channel, index(s.orig_h, s.name, s.resp_p, s.channel)), s, true);
    return true;
}

} // namespace beacons
