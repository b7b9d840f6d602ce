using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;
using Limn.Models;

namespace Limn.Cli.Inputs;

/// <summary>The model of a command: as its argument, or with --model.</summary>
internal sealed class ModelChoice
{
    private readonly Argument<string?> argument = new("MODEL") { Arity = ArgumentArity.ZeroOrOne, Description = "The model: an .onnx file, or trees of XGBoost (.json, .ubj), LightGBM (.txt) or CatBoost (.json)." };
    private readonly Option<string?> option = new("--model") { Description = "The model's file, instead of the argument.", HelpName = "FILE" };
    private readonly Option<int> threads = NumberOption.AtLeast("--threads", 0, 0, "How many threads may be used; 0 for all processors. Results do not depend on it.");

    public ModelChoice AddTo(Command command, bool withThreads = true)
    {
        command.Add(argument);
        command.Add(option);
        if (withThreads) command.Add(threads);
        return this;
    }

    /// <summary>Whether the command names a model.</summary>
    public bool IsGiven(ParseResult parsed) => parsed.GetValue(argument) is not null || parsed.GetValue(option) is not null;

    /// <exception cref="CommandException">No model is given, or two.</exception>
    public string Path(ParseResult parsed) => (parsed.GetValue(argument), parsed.GetValue(option)) switch
    {
        (null, null) => throw new CommandException($"say which model: limn {parsed.CommandResult.Command.Name} MODEL.onnx ..."),
        ({ } a, { } b) when a != b => throw new CommandException($"two models are given, '{a}' and '{b}'; give one."),
        var (a, b) => a ?? b!,
    };

    public OnnxModel Load(ParseResult parsed) => ModelSource.IsTrees(Path(parsed))
        ? throw new CommandException($"'{Path(parsed)}' holds trees, and this command takes a network (.onnx)") : OnnxModel.Load(Path(parsed), Threads(parsed));

    /// <summary>The network or the ensemble of trees.</summary>
    public ModelSource Open(ParseResult parsed) => ModelSource.Open(Path(parsed), Threads(parsed));

    public int Threads(ParseResult parsed) => parsed.GetValue(threads);
}

/// <summary>The options that say what goes into a model.</summary>
internal sealed class InputChoice
{
    private readonly Option<string[]> input = new("--input") { Description = "What to feed: .npy, .npz, .csv, .png, .jpg, or a folder of pictures; NAME=FILE for each of several inputs. Repeat it for a batch of pictures.", HelpName = "[NAME=]FILE" };
    private readonly Option<string[]> drop = new("--drop-column") { Description = "A column of the table that is no input.", HelpName = "NAME" };
    private readonly Option<string?> preset = new("--preset") { Description = "Picture preprocessing: imagenet (224x224, the usual mean and std) or none (0 to 255 as they are).", HelpName = "imagenet|none" };
    private readonly Option<string?> size = new("--image-size") { Description = "Resize pictures; the size that the model declares when left out.", HelpName = "N|HxW" };
    private readonly Option<string?> channels = new("--channels") { Description = "Which channels the model takes; rgb, or gray where it declares one channel.", HelpName = "rgb|bgr|gray" };
    private readonly Option<string?> scale = new("--scale") { Description = "What pixels of 0 to 255 are multiplied by: 1/255 when left out (1 with a mean above 1).", HelpName = "NUMBER" };
    private readonly Option<string?> mean = new("--mean") { Description = "Subtracted after scaling: a number, or one for each channel.", HelpName = "M|R,G,B" };
    private readonly Option<string?> std = new("--std") { Description = "Divided by afterwards: a number, or one for each channel.", HelpName = "S|R,G,B" };
    private readonly Option<string?> layout = new("--layout") { Description = "The order of a picture's dimensions; from the model's shape when left out.", HelpName = "nchw|nhwc" };
    private readonly Option<string?> labels = new("--labels") { Description = "The names of the classes, a line each.", HelpName = "FILE" };

    /// <param name="command">The command.</param>
    /// <param name="fed">Whether anything is fed to the model; if not, the options are for the files of baselines.</param>
    /// <param name="named">Whether classes are shown by their names.</param>
    public InputChoice AddTo(Command command, bool fed = true, bool named = true)
    {
        if (fed) command.Add(input);
        foreach (Option option in new Option[] { drop, preset, size, channels, scale, mean, std, layout }) command.Add(option);
        if (fed && named) command.Add(labels);
        return this;
    }

    public IReadOnlyList<string> Given(ParseResult parsed) => parsed.GetValue(input) ?? [];

    public IReadOnlyList<string> Dropped(ParseResult parsed) => parsed.GetValue(drop) ?? [];

    public string? Labels(ParseResult parsed) => parsed.GetValue(labels);

    public InputReader ReaderFor(OnnxModel model, ParseResult parsed) => ReaderFor(ModelInput.Of(model.Graph), parsed);

    /// <param name="inputs">The inputs to fill.</param>
    /// <param name="parsed">The command line.</param>
    /// <param name="schema">What the columns of tables are; null where nothing is said.</param>
    public InputReader ReaderFor(IReadOnlyList<ModelInput> inputs, ParseResult parsed, Data.FeatureSchema? schema = null) => new(inputs, new PictureSettings
    {
        Preset = parsed.GetValue(preset),
        Size = parsed.GetValue(size),
        Channels = parsed.GetValue(channels),
        Scale = parsed.GetValue(scale),
        Mean = parsed.GetValue(mean),
        Std = parsed.GetValue(std),
        Layout = parsed.GetValue(layout),
    }, parsed.GetValue(drop) ?? [], schema);

    /// <summary>Says how pictures became numbers, because everything depends on it.</summary>
    public static void Say(CommandContext context, IReadOnlyList<FilledInput> filled)
    {
        foreach (FilledInput f in filled)
        {
            if (f.Pictures is not { } pictures) continue;
            var shown = pictures.Size ?? (pictures.Layout == Data.TensorLayout.Nchw ? new Data.ImageSize(f.Array.Dims[^1], f.Array.Dims[^2]) : new Data.ImageSize(f.Array.Dims[^2], f.Array.Dims[^3]));
            context.Note($"pictures: {PictureSettings.Describe(pictures, shown)}");
        }
    }
}

/// <summary>Options of numbers, with errors of one line.</summary>
internal static class NumberOption
{
    public static Option<T> AtLeast<T>(string name, T least, T otherwise, string description) where T : struct, INumber<T> => new(name)
    {
        Description = $"{description} (default {otherwise.ToString(null, CultureInfo.InvariantCulture)})",
        HelpName = "N",
        DefaultValueFactory = _ => otherwise,
        CustomParser = result => Parse(result, name, least),
    };

    private static T Parse<T>(ArgumentResult result, string name, T least) where T : struct, INumber<T>
    {
        if (T.TryParse(result.Tokens[0].Value, NumberStyles.Integer, CultureInfo.InvariantCulture, out T value) && value >= least) return value;
        result.AddError($"{name} takes a whole number of at least {least.ToString(null, CultureInfo.InvariantCulture)}, and '{result.Tokens[0].Value}' is not that.");
        return least;
    }
}
