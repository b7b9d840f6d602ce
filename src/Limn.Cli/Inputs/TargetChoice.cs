using System.CommandLine;
using System.CommandLine.Parsing;
using System.Numerics.Tensors;
using Limn.Data;
using Limn.Engine;
using Limn.Models;

namespace Limn.Cli.Inputs;

/// <summary>The options that say more about a target than <c>--target</c> does: a mask of the output, and where a detector keeps its boxes.</summary>
internal sealed class TargetChoice
{
    private readonly Option<string?> mask = new("--target-mask") { Description = "Explain the sum of the first output within a mask (segmentation): an array of weights, or a picture of which what is not black counts. With --target K within class K.", HelpName = "FILE" };
    private readonly Option<string?> boxes = new("--boxes") { Description = "For --target box: the output that holds the boxes, or everything in one tensor; found where it is clear.", HelpName = "NAME" };
    private readonly Option<string?> scores = new("--scores") { Description = "For --target box: the output that holds the scores.", HelpName = "NAME" };
    private readonly Option<string?> labels = new("--box-labels") { Description = "For --target box: the output that holds each box's class, where the scores have no classes.", HelpName = "NAME" };
    private readonly Option<string?> format = new("--box-format") { Description = "For --target box: what the four numbers of the model's boxes are (cxcywh: the middle, then width and height). xyxy, and cxcywh in one tensor, when left out.", HelpName = "xyxy|yxyx|cxcywh|xywh" };
    private readonly Option<string?> layout = new("--box-layout") { Description = "For --target box, where one tensor holds everything: rows (boxes, 5 + classes), columns (4 + classes, boxes); by the longer axis when left out.", HelpName = "rows|rows-without-objectness|columns|columns-with-objectness" };

    public TargetChoice AddTo(Command command)
    {
        foreach (Option option in new Option[] { mask, boxes, scores, labels, format, layout }) command.Add(option);
        return this;
    }

    /// <exception cref="CommandException">The options contradict each other, or are none.</exception>
    public Target Target(ParseResult parsed, string? target, string? neuron, string? scale)
    {
        bool ofBox = IsBox(target);
        if (!ofBox && new[] { boxes, scores, labels, format, layout }.FirstOrDefault(o => parsed.GetValue(o) is not null) is { } lost)
            throw new CommandException($"{lost.Name} belongs to --target box:X1,Y1,X2,Y2; give that too.");
        Target explained = TargetText.Parse(target, neuron, scale, ofBox ? new BoxOutputs
        {
            Boxes = parsed.GetValue(boxes),
            Scores = parsed.GetValue(scores),
            Labels = parsed.GetValue(labels),
            Format = Word<BoxFormat>("--box-format", parsed.GetValue(format)),
            Layout = Word<BoxLayout>("--box-layout", parsed.GetValue(layout)),
        } : null);
        if (parsed.GetValue(mask) is not { } file) return explained;
        bool whole = neuron is null && target is null or "sum";
        if (!whole && (neuron is not null || !int.TryParse(target, System.Globalization.CultureInfo.InvariantCulture, out _)))
            throw new CommandException("--target-mask weighs the elements of the first output; give it alone, or with --target K for one class.");
        Target masked = whole ? Models.Target.Sum(Mask(file)) : Models.Target.Sum(Mask(file), int.Parse(target!, System.Globalization.CultureInfo.InvariantCulture));
        return masked with { Scale = explained.Scale };
    }

    /// <summary>Whether a target is a detector's box.</summary>
    public static bool IsBox(string? target) => target?.StartsWith("box:", StringComparison.Ordinal) == true;

    private static T? Word<T>(string option, string? text) where T : struct, Enum
    {
        if (text is null) return null;
        foreach (T value in Enum.GetValues<T>())
            if (Kebab(value) == text) return value;
        throw new CommandException($"{option} takes {string.Join(", ", Enum.GetValues<T>().Select(Kebab))}, and '{text}' is none of them.");
    }

    private static string Kebab<T>(T value) where T : struct, Enum =>
        string.Concat(value.ToString().Select((c, i) => char.IsUpper(c) ? (i == 0 ? "" : "-") + char.ToLowerInvariant(c) : c.ToString()));

    private static Tensor<float> Mask(string file)
    {
        switch (DataFile.Read(file))
        {
            case ArrayFile array: return array.Array.ToTensor();
            case TableFile table: return table.Table.Values;
            case PictureFile { Picture: var picture }:
                var weights = new float[picture.Height * picture.Width];
                for (int i = 0; i < weights.Length; i++) weights[i] = picture.Pixels.AsSpan(i * picture.Channels, picture.Channels).ContainsAnyExcept((byte)0) ? 1 : 0;
                return Tensor.Create(weights, [picture.Height, picture.Width]);
            default: throw new CommandException($"'{file}' is no mask.");
        }
    }
}
