using System.Globalization;
using Limn.Data;
using Limn.Engine;

namespace Limn.Cli.Inputs;

/// <summary>What the command line says about pictures; what it leaves open follows from the model's input.</summary>
internal sealed record PictureSettings
{
    public string? Preset { get; init; }

    public string? Size { get; init; }

    public string? Channels { get; init; }

    public string? Scale { get; init; }

    public string? Mean { get; init; }

    public string? Std { get; init; }

    public string? Layout { get; init; }

    /// <summary>
    /// The preprocessing for an input. Size, channels and layout come from its shape unless they are given. Pixels become 0 to 1; with
    /// <c>--preset none</c>, with a mean above 1, or for an input of integers they stay 0 to 255.
    /// </summary>
    public ImagePreprocessing For(ModelInput input)
    {
        ImagePreprocessing pictures = Preset switch
        {
            null => new ImagePreprocessing(),
            "imagenet" => ImagePreprocessing.ImageNet,
            "none" => ImagePreprocessing.None,
            _ => throw new CommandException($"--preset takes imagenet or none, and '{Preset}' is neither."),
        };
        (TensorLayout layout, int? channels, ImageSize? declared) = Declared(input);
        pictures = pictures with
        {
            Layout = layout,
            Channels = Channels switch
            {
                null => channels == 1 ? ChannelOrder.Gray : ChannelOrder.Rgb,
                "rgb" => ChannelOrder.Rgb,
                "bgr" => ChannelOrder.Bgr,
                "gray" or "grey" => ChannelOrder.Gray,
                _ => throw new CommandException($"--channels takes rgb, bgr or gray, and '{Channels}' is none of them."),
            },
            Size = Size is not null ? SizeOf(Size) : declared ?? pictures.Size,
        };
        if (Mean is not null) pictures = pictures with { Mean = Numbers("--mean", Mean) };
        if (Std is not null) pictures = pictures with { Std = Numbers("--std", Std) };
        if (Scale is not null) pictures = pictures with { Scale = Ratio(Scale) };
        else if (Preset is null && (pictures.Mean.Any(m => m > 1) || input.Type.IsInteger())) pictures = pictures with { Scale = 1 };
        return pictures;
    }

    /// <summary>The preprocessing in words, because it decides what the model sees.</summary>
    public static string Describe(ImagePreprocessing pictures, ImageSize size)
    {
        string range = pictures.Scale == 1 ? "0..255" : MathF.Abs(pictures.Scale - 1f / 255) < 1e-9f ? "0..1" : $"multiplied by {Text(pictures.Scale)}";
        string mean = pictures.Mean.Count == 0 ? "" : $", minus {string.Join(",", pictures.Mean.Select(Text))}";
        string std = pictures.Std.Count == 0 ? "" : $", divided by {string.Join(",", pictures.Std.Select(Text))}";
        string crop = pictures.Crop == CropMode.Center ? ", cropped to the middle" : "";
        return $"{size.Width}x{size.Height}{crop}, {pictures.Channels.ToString().ToLowerInvariant()}, pixels {range}{mean}{std}, {pictures.Layout.ToString().ToLowerInvariant()}";
    }

    /// <summary>Layout, channels and size, as far as a shape of four dimensions gives them away.</summary>
    private (TensorLayout Layout, int? Channels, ImageSize? Size) Declared(ModelInput input)
    {
        int?[] dims = input.Shape is { Rank: 4 } shape ? [.. shape.Select(d => d.IsKnown ? d.Value : (int?)null)] : [null, null, null, null];
        TensorLayout layout = Layout switch
        {
            null => dims[1] is not (1 or 3) && dims[3] is 1 or 3 ? TensorLayout.Nhwc : TensorLayout.Nchw,
            "nchw" => TensorLayout.Nchw,
            "nhwc" => TensorLayout.Nhwc,
            _ => throw new CommandException($"--layout takes nchw or nhwc, and '{Layout}' is neither."),
        };
        var (channels, height, width) = layout == TensorLayout.Nchw ? (dims[1], dims[2], dims[3]) : (dims[3], dims[1], dims[2]);
        return (layout, channels, height is { } h && width is { } w ? new ImageSize(w, h) : null);
    }

    private static ImageSize SizeOf(string text)
    {
        string[] sides = text.Split('x');
        if (sides.Length is 1 or 2 && Array.TrueForAll(sides, s => int.TryParse(s, CultureInfo.InvariantCulture, out int side) && side > 0))
            return new ImageSize(int.Parse(sides[^1], CultureInfo.InvariantCulture), int.Parse(sides[0], CultureInfo.InvariantCulture));
        throw new CommandException($"--image-size takes a number, or height and width as 224x320; '{text}' is neither.");
    }

    private static float[] Numbers(string option, string text)
    {
        string[] parts = text.Split(',');
        var numbers = new float[parts.Length];
        for (int i = 0; i < parts.Length; i++)
            if (!float.TryParse(parts[i], CultureInfo.InvariantCulture, out numbers[i]) || !float.IsFinite(numbers[i]))
                throw new CommandException($"{option} takes one number, or one for each channel as 0.485,0.456,0.406; '{text}' is not that.");
        return numbers;
    }

    private static float Ratio(string text)
    {
        string[] parts = text.Split('/');
        float below = 1;
        if (parts.Length is 1 or 2 && float.TryParse(parts[0], CultureInfo.InvariantCulture, out float above)
            && (parts.Length == 1 || float.TryParse(parts[1], CultureInfo.InvariantCulture, out below)) && float.IsFinite(above / below) && above != 0)
            return above / below;
        throw new CommandException($"--scale takes a number such as 1 or 1/255, and '{text}' is not one.");
    }

    private static string Text(float number) => number.ToString("G6", CultureInfo.InvariantCulture);
}
