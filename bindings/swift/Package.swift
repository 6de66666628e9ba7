// swift-tools-version:5.9
import PackageDescription

let package = Package(
  name: "Tarn",
  platforms: [.macOS(.v12)],
  products: [.library(name: "Tarn", targets: ["Tarn"])],
  targets: [
    .systemLibrary(name: "CTarn", pkgConfig: "tarn"),
    .target(name: "Tarn", dependencies: ["CTarn"]),
  ]
)
