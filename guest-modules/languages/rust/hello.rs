fn main() {
    println!("Content-Type: text/plain\n");
    println!("hello from Rust");
}
