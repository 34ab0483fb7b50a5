-- DuckDB macros for statements on logs. The values of log fields are text.

create macro white() as ' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13);

create macro stripped(source) as trim(source, white());

-- Whether a line looks like a JSON object; the first test is the fast one.
create macro braced(line) as starts_with(line, '{') and ends_with(line, '}')
    or starts_with(stripped(line), '{') and ends_with(stripped(line), '}');

-- The likely log stream of a line whose stream is unknown.
create macro stream_of(line, kind) as case
    when kind = 'Event' or starts_with(line, '{"kind":"Event"') then 'kube-apiserver-audit-0'
    when regexp_matches(line, '^(time="[^"]*" )?level=\w+ msg=') then 'authenticator-0'
    else 'unknown'
end;

-- The field value for a JSON value: NULL for objects, arrays and null; 1 and 0 for booleans.
create macro leaf(json) as case left(json::varchar, 1)
    when '"' then json_extract_string(json, '$')
    when '{' then null
    when '[' then null
    when 'n' then null
    when 't' then '1'
    when 'f' then '0'
    else json::varchar
end;

create macro first_leaf(jsons) as list_filter(
    list_transform(jsons, lambda json: leaf(json)), lambda found: found is not null
)[1];

create macro occurrences(source, sign) as length(source) - length(replace(source, sign, ''));

-- The number of fields in JSON whose texts and white space are taken out: values that are no null, map or list.
create macro fields_in(bare) as 1 + occurrences(bare, ',')
    - occurrences(bare, 'n') - occurrences(bare, '{}') // 2 - occurrences(bare, '[]') // 2;

-- Whether a JSON object has more fields than this. Fields have commas between them; counting those first is fast.
create macro has_more_fields(message, most) as case
    when occurrences(message, ',') >= most
        then fields_in(regexp_replace(message, '"(\\.|[^"\\])*"|\s', '', 'g')) > most
    else false
end;

-- The map or list that jsonParse() returns for a text, NULL for any other text.
create macro structure(source) as case
    when regexp_matches(source, '^\s*[{\[]') then try(json_extract(source, '$'))
end;

create macro finite(number) as case when isfinite(number) then number end;

-- The number in a text; NULL if it is not a number.
create macro num(source) as case
    when regexp_full_match(source, '[+-]?\d+(\.\d+)?([eE][+-]?\d+)?') then try_cast(source as double)
end;

-- A number as text: 3, not 3.0.
create macro shown(number) as case
    when number = trunc(number) and abs(number) < 1e15 then number::bigint::varchar
    else number::varchar
end;

-- Sort key for natural order: runs of digits sort by length, then by digits.
create macro natural_order(source) as case
    when regexp_matches(source, '\d') then array_to_string(list_transform(
        regexp_extract_all(source, '\d+|\D+'),
        lambda part: case
            when part[1] between '0' and '9' then '0' || lpad(length(part)::varchar, 6, '0') || part
            else part
        end
    ), '')
    else source
end;

-- A time from the year 100 up to 9900, otherwise NULL: all its periods begin and end in years of four digits.
create macro in_calendar(microseconds) as case
    when microseconds between -59011459200000000 and 250246627200000000 then microseconds::bigint
end;

-- The microseconds since 1970 of an RFC 3339 time, NULL for any other text. The first branch is the faster one, for
-- times as API servers write them: 2026-11-23T06:02:22.035605Z. The second is RFC3339 in audit_logs/events.py.
create macro moment(source) as in_calendar(case
    when strlen(source) = 27 and source[11] = 'T' and ends_with(source, 'Z')
        then epoch_us(try_cast(source as timestamp))
    when regexp_full_match(
        source, '\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)'
    ) then epoch_us(try_cast(source as timestamptz))
end);

create macro moment_floor(instant, microseconds) as instant - ((instant % microseconds) + microseconds) % microseconds;

create macro calendar_floor(instant, unit) as epoch_us(date_trunc(unit, make_timestamp(instant)));

-- IPv4 addresses as numbers, IPv6 addresses as 32 hexadecimal digits; NULL for any other text.
create macro ip4(source) as case
    when regexp_full_match(source, '((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(\.|$)){4}') and not ends_with(source, '.')
        then list_reduce(list_transform(string_split(source, '.'), lambda part: part::bigint), lambda a, b: a * 256 + b)
end;

create macro ip6_of(halves, left_groups, right_groups) as case
    when len(halves) <= 2
        and len(list_filter(left_groups || right_groups, lambda part: not regexp_full_match(part, '[0-9A-Fa-f]{1,4}'))) = 0
        and case when len(halves) = 2 then len(left_groups) + len(right_groups) <= 7 else len(left_groups) = 8 end
        then array_to_string(list_transform(
            left_groups || repeat(['0'], 8 - len(left_groups) - len(right_groups)) || right_groups,
            lambda part: lpad(lower(part), 4, '0')
        ), '')
end;

create macro ip6_groups(half) as case when coalesce(half, '') = '' then []::varchar[] else string_split(half, ':') end;

create macro ip6_plain(source) as ip6_of(
    string_split(source, '::'),
    ip6_groups(string_split(source, '::')[1]),
    ip6_groups(string_split(source, '::')[2])
);

create macro ip6(source) as case
    when contains(source, '.') then ip6_plain(
        regexp_replace(source, '[^:]*$', '')
        || printf('%x:%x', ip4(regexp_extract(source, '[^:]*$')) // 65536, ip4(regexp_extract(source, '[^:]*$')) % 65536)
    )
    when contains(source, ':') then ip6_plain(source)
end;
