using System.CommandLine;
using System.Globalization;
using Limn.Cli.Demo;
using Limn.Cli.Inputs;
using Limn.Cli.Outputs;
using Limn.Data;
using Limn.Engine;
using Limn.Models;
using Limn.Reports;

namespace Limn.Cli.Commands;

/// <summary><c>limn demo</c>: explains samples that ship with Limn.</summary>
internal static class DemoCommand
{
    public static Command Create(CommandContext context)
    {
        var output = new Option<string>("--output") { Description = "The folder for report.html and demo.png.", HelpName = "DIR", DefaultValueFactory = _ => "limn-demo" };
        var command = new ExampleCommand("demo", "Explain samples that ship with Limn and write a page of them.")
        {
            Examples = [("limn demo", "Writes limn-demo/report.html, to open in a browser, and limn-demo/demo.png")],
        };
        command.Add(output);
        command.SetAction(parsed =>
        {
            if (DemoSample.All.Count == 0) throw new LimnException("this build of limn has no samples; build it from a complete checkout.");
            string where = parsed.GetValue(output)!;
            var folder = new OutputFolder(where);
            List<ReportSection> sections = LongWork.Run(context, "explaining the samples", progress => Sections(progress, context.Cancellation));
            var report = new Report("Limn: a demonstration", "Small models that ship with Limn, and why they decide as they do.", sections) { Footer = ExplanationReport.Footer };
            folder.Add("report.html", HtmlReport.ToBytes(report));
            if (Sheet(sections) is { } sheet) folder.Add("demo.png", PngFile.Encode(sheet));
            context.Cancellation.ThrowIfCancellationRequested();
            folder.Write();
            context.Out.WriteLine($"Written: {Path.Combine(where, "report.html")} ({sections.Count} sections). Open it in a browser.");
            return LimnCommand.Done;
        });
        return command;
    }

    private static List<ReportSection> Sections(IProgress<Progress> progress, CancellationToken cancellation)
    {
        List<ReportSection> sections = [];
        int total = DemoSample.All.Sum(s => s.Methods.Count), done = 0;
        foreach (DemoSample sample in DemoSample.All)
        {
            OnnxModel model = sample.Model();
            var (all, answers) = sample.Data(model);
            int[] rows = [.. sample.Answers.Select(a => Array.IndexOf(answers, a)).Where(r => r >= 0)];
            FilledInput input = all with { Array = Arrays.Join([.. rows.Select(r => all.Array.Rows(r, 1))]) };
            ClassLabels labels = sample.Labels.Count > 0 ? ClassLabels.Of(sample.Labels) : ClassLabels.None;
            List<Explanation> explanations = [];
            foreach (DemoMethod demo in sample.Methods)
            {
                // A mean that is taken over all rows of the sample, not only over those that are shown.
                Baseline? baseline = demo.Baseline == Baseline.Mean ? Baseline.Of([MeanRow(all.Array)]) : demo.Baseline;
                Method method = MethodRegistry.Create(demo.Name, model, demo.Options.ToDictionary(o => o.Option, o => o.Value), new MethodData { Baseline = baseline });
                Attribution attribution = method.Explain([input.Array], options: new ExplainOptions { Cancellation = cancellation });
                explanations.Add(new Explanation(model, attribution, [input], ClassScores.Of(model, model.Predict([input.Array], cancellation)), labels)
                {
                    ModelName = sample.Folder,
                    Settings = demo.Baseline == Baseline.Mean ? [("baseline", "mean of the sample")] : [],
                });
                progress.Report(new Progress(++done, total));
            }
            sections.AddRange(Comparisons(sample, explanations, [.. rows.Select(r => answers[r])]));
            sections.AddRange(explanations.SelectMany(e => ExplanationReport.Sections(e).Take(1)).Select(s => s with { Title = $"{sample.Title}, {MethodTexts.For(((ExplanationSection)s).Method).Title}: {s.Title}" }));
        }
        return sections;
    }

    /// <summary>Pictures side by side, a section for each row; tables have none.</summary>
    private static IEnumerable<ComparisonSection> Comparisons(DemoSample sample, List<Explanation> explanations, int[] answers)
    {
        for (int r = 0; r < answers.Length; r++)
        {
            ExplanationSection[] sections = [.. explanations.Select(e => ExplanationReport.Section(e, r))];
            if (sections.All(s => s.HeatMaps.Count == 0)) yield break;
            string answer = answers[r].ToString(CultureInfo.InvariantCulture);
            yield return new ComparisonSection($"{sample.Title}: a {answer}, side by side", sample.Introduction, [.. sections.SelectMany(s => s.HeatMaps)])
            {
                Input = sections[0].Input,
                TopClasses = sections[0].TopClasses,
                ScoresAreProbabilities = sections[0].ScoresAreProbabilities,
            };
        }
    }

    /// <summary>The comparisons as one picture: a row for each explained row, first the input, then what each method says.</summary>
    private static Image? Sheet(List<ReportSection> sections)
    {
        IReadOnlyList<IReadOnlyList<Image>> rows = [.. sections.OfType<ComparisonSection>().Select(s =>
            (IReadOnlyList<Image>)[.. s.Entries.Prepend(s.Input).OfType<ReportPicture>().Select(p => PngFile.Decode(p.Png))])];
        return rows.Count == 0 ? null : ContactSheet.Compose(rows);
    }

    private static NdArray MeanRow(NdArray rows)
    {
        int count = rows.Dims[0], inner = rows.Length / count;
        NdArray mean = NdArray.Create(ElementType.Float, [1, .. rows.Dims[1..]]);
        for (int i = 0; i < inner; i++)
        {
            double sum = 0;
            for (int r = 0; r < count; r++) sum += rows.Floats[r * inner + i];
            mean.Floats[i] = (float)(sum / count);
        }
        return mean;
    }
}
