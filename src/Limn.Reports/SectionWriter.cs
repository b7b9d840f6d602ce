using System.Globalization;

namespace Limn.Reports;

/// <summary>Writes the sections of a report.</summary>
internal sealed class SectionWriter(Html page, ChartSet charts, Func<ReportSection, string?> anchorOf)
{
    // A method's text is long and a batch repeats it, so it is written once and later rows point to it.
    private readonly Dictionary<MethodText, string> _texts = new(ReferenceEqualityComparer.Instance);

    public void Write(ReportSection section, string anchor)
    {
        page.Add($"<section id=\"{anchor}\" aria-labelledby=\"{anchor}-title\">\n<h2 id=\"{anchor}-title\">{section.Title}</h2>");
        switch (section)
        {
            case ExplanationSection explanation:
                Explanation(explanation, anchor);
                break;
            case ComparisonSection comparison:
                Comparison(comparison);
                break;
            case GlobalSection global:
                Introduction(global.Introduction);
                foreach (ReportChart chart in global.Charts)
                {
                    page.Add($"<h3>{chart.Title}</h3>\n<p class=\"lead\">{chart.Text}</p>");
                    Chart(chart.Spec);
                }

                Tables(global.Tables);
                break;
            case TableSection tables:
                Introduction(tables.Introduction);
                Tables(tables.Tables);
                break;
            default:
                throw new InvalidOptionException(
                    $"A report holds explanations, comparisons and tables; got a section of type {section.GetType().Name}.");
        }

        page.Add($"</section>");
    }

    private void Explanation(ExplanationSection section, string anchor)
    {
        MethodText text = section.Text ?? MethodTexts.For(section.Method);
        page.Add($"<p class=\"lead\"><b>{text.Title}</b> of the {section.Target}, model <code>{section.Model}</code>.</p>");
        ReportPicture[] pictures = [.. section.Input is null ? [] : (ReportPicture[])[section.Input], .. section.HeatMaps];
        if (pictures.Length > 0)
        {
            PictureWriter.Grid(page, pictures);
        }

        Answer(section.Prediction, section.TopClasses, section.ScoresAreProbabilities);
        TokenWriter.Write(page, section.Tokens);
        Contributions(section);
        Trust(section);
        Tables(section.Tables);
        Guide(text, anchor);
        Facts(section);
    }

    private void Comparison(ComparisonSection section)
    {
        Introduction(section.Introduction);
        if (section.Entries.Count > 0)
        {
            PictureWriter.Grid(page, [.. section.Input is null ? [] : (ReportPicture[])[section.Input], .. section.Entries], compare: true);
        }

        Tables(section.Tables);
        Answer("", section.TopClasses, section.ScoresAreProbabilities);
        Diagnostics(section.Diagnostics);
    }

    private void Introduction(string text)
    {
        if (text.Length > 0)
        {
            page.Add($"<p class=\"lead\">{text}</p>");
        }
    }

    private void Tables(IReadOnlyList<ReportTable> tables)
    {
        foreach (ReportTable table in tables)
        {
            TableWriter.Write(page, table, anchorOf);
        }
    }

    private void Answer(string prediction, IReadOnlyList<ClassScore> classes, bool probabilities)
    {
        if (prediction.Length == 0 && classes.Count == 0)
        {
            return;
        }

        page.Add($"<h3>What the model answered</h3>");
        if (prediction.Length > 0)
        {
            page.Add($"<p>{prediction}</p>");
        }

        if (classes.Count == 0)
        {
            return;
        }

        Chart(Charts.Classes(classes, probabilities));
        page.Add($"""
            <details><summary>The numbers as a table</summary>
            <div class="table"><table><thead><tr><th scope="col">Class</th><th scope="col" class="number">{(probabilities ? "Probability" : "Score")}</th></tr></thead><tbody>
            """);
        foreach (ClassScore c in classes)
        {
            page.Add($"<tr><th scope=\"row\">{c.Label}{(c.IsTarget ? " (explained)" : "")}</th><td class=\"number\">{NumberText.Printed(c.Score, 6)}</td></tr>");
        }

        page.Add($"</tbody></table></div></details>");
    }

    private void Contributions(ExplanationSection section)
    {
        if (section.Contributions.Count == 0)
        {
            return;
        }

        if (section.ExpectedValue is double expected && section.Score is double score && double.IsFinite(expected) && double.IsFinite(score))
        {
            page.Add($"<h3>From the expected value to this score</h3>\n<p class=\"lead\">With all features absent the score is {NumberText.Printed(expected)} on average; each bar adds what a feature contributes, the strongest first, up to this row's {NumberText.Printed(score)}.</p>");
            Chart(Charts.Waterfall(section.Contributions, expected, score, section.TopContributions));
            page.Add($"<p class=\"lead\">The same as forces: what raises the score pushes from the left, what lowers it from the right, and they meet at the score.</p>");
            Chart(Charts.Force(section.Contributions, expected, score));
        }

        bool errors = section.Contributions.Any(c => c.StandardError is not null);
        page.Add($"<h3>What each feature adds to the score</h3>\n<p class=\"lead\">Bars to the right (orange, +) raise the score, bars to the left (blue, \u2212) lower it.{(errors ? " The whiskers reach two standard errors to both sides." : "")}</p>");
        if (section.Contributions.Any(c => double.IsFinite(c.Attribution)))
        {
            Chart(Charts.Contributions(section.Contributions, section.TopContributions));
        }

        page.Add($"""
            <details><summary>All {section.Contributions.Count} features as a table</summary>
            <div class="table"><table><thead><tr><th scope="col">Feature</th><th scope="col" class="number">Value</th><th scope="col" class="number">Attribution</th>{new Markup(errors ? "<th scope=\"col\" class=\"number\">Standard error</th>" : "")}</tr></thead><tbody>
            """);
        foreach (Contribution c in section.Contributions)
        {
            page.Add($"<tr><th scope=\"row\">{c.Feature}</th><td class=\"number\">{c.Value}</td><td class=\"number\">{NumberText.Signed(c.Attribution, 6)}</td>{new Markup(!errors ? "" : $"<td class=\"number\">{Html.Escape(c.StandardError is double e ? NumberText.Printed(e) : "")}</td>")}</tr>");
        }

        page.Add($"</tbody></table></div></details>");
        if (section.Interactions is { } pairs)
        {
            page.Add($"<h3>What pairs of features add together</h3>\n<p class=\"lead\">Orange: the two together raise the score beyond what they do alone; blue: less than alone. All values are in interactions.npy.</p>");
            Chart(Charts.Interactions(pairs));
        }
    }

    private void Trust(ExplanationSection section)
    {
        List<Diagnostic> all = [.. section.Diagnostics];
        if (section.Flags.Count > 0)
        {
            all.Add(new Diagnostic(DiagnosticKind.Warning, $"The result is flagged: {string.Join(", ", section.Flags)}."));
        }

        Diagnostics(all);
    }

    private void Diagnostics(IReadOnlyList<Diagnostic> diagnostics)
    {
        if (diagnostics.Count == 0)
        {
            return;
        }

        page.Add($"<h3>How far to trust it</h3>\n<ul class=\"findings\">");
        foreach (Diagnostic diagnostic in diagnostics)
        {
            (string name, string word, string sign) = diagnostic.Kind switch
            {
                DiagnosticKind.Passed => ("passed", "Checked", "\u2713"),
                DiagnosticKind.Warning => ("warning", "Warning", "!"),
                _ => ("note", "Note", "i"),
            };
            page.Add($"<li class=\"{name}\"><span class=\"badge\"><span aria-hidden=\"true\">{sign}</span> {word}</span> <span>{diagnostic.Text}</span></li>");
        }

        page.Add($"</ul>");
    }

    private void Guide(MethodText text, string anchor)
    {
        if (_texts.TryGetValue(text, out string? first))
        {
            page.Add($"<p class=\"pointer\"><a href=\"#{first}\">What {text.Title} can and cannot tell</a></p>");
            return;
        }

        string id = anchor + "-guide";
        _texts.Add(text, id);
        page.Add($"<div class=\"guide\" id=\"{id}\">\n<h3>What this result can and cannot tell</h3>\n<p>{text.How}</p>\n<div class=\"columns\">");
        Column("It can tell", text.Can);
        Column("It cannot tell", text.Cannot);
        page.Add($"</div>\n</div>");
    }

    private void Column(string title, IReadOnlyList<string> points)
    {
        page.Add($"<div>\n<h4>{title}</h4>\n<ul>");
        foreach (string point in points)
        {
            page.Add($"<li>{point}</li>");
        }

        page.Add($"</ul>\n</div>");
    }

    private void Facts(ExplanationSection section)
    {
        List<NamedValue> facts = [new("method", section.Method), new("model", section.Model), new("target", section.Target), .. section.Options];
        Add("convergence delta", section.Delta is double delta ? NumberText.Signed(delta) : null);
        Add("seed", section.Seed?.ToString(CultureInfo.InvariantCulture));
        Add("model calls", section.ModelCalls?.ToString("N0", CultureInfo.InvariantCulture));
        Add("time", section.Elapsed is TimeSpan elapsed ? Duration(elapsed) : null);
        page.Add($"<details><summary>Method, options and cost</summary>\n<dl>");
        foreach (NamedValue fact in facts)
        {
            page.Add($"<div><dt>{fact.Name}</dt><dd>{fact.Value}</dd></div>");
        }

        page.Add($"</dl></details>");

        void Add(string name, string? value)
        {
            if (value is not null)
            {
                facts.Add(new NamedValue(name, value));
            }
        }
    }

    private void Chart(string spec)
    {
        string id = charts.NextId();
        page.Add($"<div class=\"chart\" id=\"{id}\"><noscript>The chart needs JavaScript; the table below holds its numbers.</noscript></div>");
        page.Add(new Markup($"<script type=\"application/json\" data-chart=\"{id}\">{spec}</script>"));
    }

    private static string Duration(TimeSpan time) => time.TotalSeconds switch
    {
        < 1 => $"{NumberText.Printed(time.TotalMilliseconds)} ms",
        < 120 => $"{NumberText.Printed(time.TotalSeconds)} s",
        _ => $"{(long)time.TotalMinutes} min {time.Seconds} s",
    };
}
